/** Tests a pool over a longer time: several processes, little space, crashes, abandoned fetches. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../clock.ts'
import { someBytes } from '../testing/bao.ts'
import { watchedDisk } from '../testing/faulty-disk.ts'
import { contentOf, inPieces, send, testPool } from '../testing/pools.ts'
import { MIB } from '../units.ts'

const content = someBytes(MIB, 7)
const HALF = { start: 0, end: MIB / 2 }

test('a false size in one process doesn’t remove a file that another process writes', async () => {
  await using source = await testPool()
  // Progress is saved after every batch.
  const hasty: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 1e5 }
  await using first = await testPool({ clock: hasty })
  const second = await testPool({ folder: first.folder })
  const { id, size } = await source.ingest(inPieces(content), { maxBytes: MIB })
  const incoming = await first.receive(id, size)
  await send(source, incoming, HALF)
  while ((await second.partial(id)) === undefined) await systemClock.sleep(5)
  const wrong = await second.receive(id, size - 1)
  await wrong.abort()
  await send(source, incoming, { start: HALF.end, end: size })
  await incoming.finish()
  assert.ok(content.equals(await contentOf(first.read(id))))
})

test('removes files of aborted fetches while the pool is open, and keeps live ones', async () => {
  await using source = await testPool()
  let passed = 0
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passed }
  await using pool = await testPool({ clock })
  const ids = []
  for (const seed of [1, 2, 3]) {
    const taken = await source.ingest(inPieces(someBytes(MIB, seed)), { maxBytes: MIB })
    ids.push(taken.id)
  }
  const [left, live, next] = ids
  assert.ok(left !== undefined && live !== undefined && next !== undefined)
  const aborted = await pool.receive(left, MIB)
  await send(source, aborted, HALF)
  await aborted.abort()
  const incoming = await pool.receive(live, MIB)
  const folder = join(pool.folder, 'partial')
  const weeksAgo = systemClock.now() / 1000 - 14 * 86_400
  for (const name of await readdir(folder)) await utimes(join(folder, name), weeksAgo, weeksAgo)
  passed = 2 * 3_600_000
  await (await pool.receive(next, MIB)).abort()
  assert.deepEqual([...new Set((await readdir(folder)).map((name) => name.slice(0, 64)))], [live])
  await send(source, incoming)
  await incoming.finish()
})

test('a blob of 29 bytes is received where less than 64 MiB are free', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-small-'))
  const program = join(import.meta.dirname, '..', 'testing', 'receive-program.ts')
  const mount = 'mount -t tmpfs -o size=8m,mode=700 none "$1" && exec "$2" "$3" "$1"'
  const words = ['--map-root-user', '--mount', 'sh', '-c', mount, 'sh', folder]
  try {
    await promisify(execFile)('unshare', [...words, process.execPath, program])
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a crash between the two renames of a commit keeps a finished transfer', async () => {
  await using source = await testPool()
  const { id, size } = await source.ingest(inPieces(content), { maxBytes: MIB })
  const folder = await mkdtemp(join(tmpdir(), 'muster-crash-'))
  let renames = 0
  const frozen = Promise.withResolvers<void>()
  const disk = watchedDisk({
    before: ({ name, args }) => {
      const toBlobs = name === 'rename' && String(args[1]).startsWith(join(folder, 'blobs'))
      if (!toBlobs || ++renames < 2) return undefined
      frozen.resolve()
      return 'freeze'
    },
  })
  try {
    const dying = await testPool({ folder, disk })
    const incoming = await dying.receive(id, size)
    await send(source, incoming)
    void incoming.finish()
    await frozen.promise
    const after = await testPool({ folder })
    assert.deepEqual(await after.stat(id), { size })
    await using target = await testPool()
    const fetched = await target.receive(id, size)
    await send(after, fetched)
    await fetched.finish()
  } finally {
    await disk.die()
    await rm(folder, { recursive: true })
  }
})
