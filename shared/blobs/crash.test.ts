/**
 * Tests faults at every step of an ingest and of a transfer. The pool stays intact, and a retry
 * succeeds.
 */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { blake3Of } from '../blake3/hash.ts'
import { type Clock, systemClock } from '../clock.ts'
import { someBytes } from '../testing/bao.ts'
import { errnoError, type Step, type Watch, watchedDisk } from '../testing/faulty-disk.ts'
import { PROGRAM_CONTENT } from '../testing/pool-program.ts'
import {
  assertSound,
  contentOf,
  idsOf,
  inPieces,
  send,
  type TestPool,
  testPool,
} from '../testing/pools.ts'
import { blobError } from './errors.ts'

const PROGRAM = join(import.meta.dirname, '../testing/pool-program.ts')
const MAX = 1 << 24
const NOBODY = 65_534
const ID = blake3Of(PROGRAM_CONTENT)
const failsWith = (code: Parameters<typeof blobError>[0]) => (error: unknown) =>
  blobError.is(error, code)
/** The system's clock plus two hours, so that files of a crash count as stale. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + 7_200_000 }

/**
 * Runs the program on a pool until it is killed at a step. Returns false if it never reaches that
 * step.
 */
function killedAt(folder: string, step: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [PROGRAM, folder, String(step)], (error) => {
      if (error === null) resolve(false)
      else if (error.signal === 'SIGKILL') resolve(true)
      else reject(error)
    })
  })
}

async function assertRecovers(folder: string, pool: TestPool, source: TestPool): Promise<void> {
  const { quarantine } = await assertSound(pool)
  assert.deepEqual(quarantine, [])
  const incoming = await pool.receive(ID, PROGRAM_CONTENT.length)
  for (const range of incoming.missing()) await send(source, incoming, range)
  await incoming.finish()
  assert((await contentOf(pool.read(ID))).equals(PROGRAM_CONTENT))
  await contentOf(pool.encode(ID, { start: 0, end: PROGRAM_CONTENT.length }))
  const swept = await assertSound(await testPool({ folder, clock: later }))
  assert.deepEqual(swept.temporary, [])
}

/** Receives a blob in two transfers. The first one is aborted half-way. */
async function receiveInTwo(pool: TestPool, source: TestPool): Promise<void> {
  const first = await pool.receive(ID, PROGRAM_CONTENT.length)
  try {
    await send(source, first, { start: 0, end: 30_000 })
    await first.abort()
    const second = await pool.receive(ID, PROGRAM_CONTENT.length)
    try {
      for (const range of second.missing()) await send(source, second, range)
      await second.finish()
    } finally {
      await second.abort()
    }
  } finally {
    await first.abort()
  }
}

test('CA-01: kill -9 at any step of an ingest leaves an intact pool; a retry works', async () => {
  await using source = await testPool()
  await source.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
  const run = async (step: number): Promise<boolean> => {
    const folder = await mkdtemp(join(tmpdir(), 'muster-crash-'))
    try {
      const killed = await killedAt(folder, step)
      await assertRecovers(folder, await testPool({ folder }), source)
      return killed
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  let steps = 0
  // Two processes at a time, each one step further, until a step is never reached.
  while ((await Promise.all([run(steps), run(steps + 1)])).every(Boolean)) steps += 2
  assert(steps >= 10, `only ${steps} steps`)
})

test('CA-01: a process that dies in an ingest or transfer leaves an intact pool', async () => {
  await using source = await testPool()
  await source.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
  const works = {
    ingest: (pool: TestPool): Promise<unknown> =>
      pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX }),
    receive: (pool: TestPool): Promise<unknown> => receiveInTwo(pool, source),
  }
  for (const [name, work] of Object.entries(works)) {
    for (let number = 0, going = true; going; number += 1) {
      const frozen = Promise.withResolvers<'frozen'>()
      const freeze = (step: Step): undefined | 'freeze' => {
        if (step.number < number) return undefined
        frozen.resolve('frozen')
        return 'freeze'
      }
      const folder = await mkdtemp(join(tmpdir(), 'muster-crash-'))
      const disk = watchedDisk({ before: freeze })
      try {
        const running = testPool({ folder, disk }).then(work)
        going = (await Promise.race([running, frozen.promise])) === 'frozen'
        await assertRecovers(folder, await testPool({ folder }), source)
      } finally {
        await disk.die()
        await rm(folder, { recursive: true })
      }
      assert(going || number >= 10, `only ${number} steps of ${name}`)
    }
  }
})

/**
 * Runs `work` on pools whose disk fails with `code` before or after step 0, 1, 2, … until a run has
 * no fault.
 */
async function atEveryStep(
  code: string,
  work: (pool: TestPool) => Promise<unknown>,
  check: (pool: TestPool, step: Step) => Promise<void>,
): Promise<number> {
  for (let number = 0; ; number += 1) {
    for (const when of ['before', 'after'] as const) {
      let met: Step | undefined
      // The first steps open the pool. This test ignores their faults.
      let opened = false
      let first = 0
      const fault = (step: Step): void => {
        if (!opened) first = step.number + 1
        else if (step.number - first === number) {
          met = step
          throw errnoError(code)
        }
      }
      const disk = watchedDisk({ [when]: fault })
      await using pool = await testPool({ disk })
      opened = true
      const outcome = await work(pool).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (met === undefined) {
        assert.equal(outcome, undefined)
        return number
      }
      // A failed sync may be reported only by a later call.
      const expected = code === 'ENOSPC' ? ['blob.no-space'] : ['blob.disk', 'blob.suspect']
      if (outcome !== undefined)
        assert(blobError.is(outcome) && expected.includes(outcome.code), met.name)
      await disk.die()
      await check(pool, met)
    }
  }
}

for (const code of ['EIO', 'ENOSPC']) {
  test(`CA-01: ${code} in an ingest, applied or not: clear error, retry works`, async () => {
    const steps = await atEveryStep(
      code,
      (pool) => pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX }),
      async (pool, step) => {
        assert.deepEqual((await assertSound(pool)).quarantine, [])
        await using fresh = await testPool({ folder: pool.folder })
        assert.equal((await fresh.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })).id, ID)
        if (step.name === 'create' || step.name === 'remove') return
        assert.deepEqual(
          (await assertSound(fresh)).temporary,
          [],
          `a failed ${step.name} leaves no temporary file`,
        )
      },
    )
    assert(steps >= 9, `only ${steps} steps`)
  })
}

for (const code of ['EIO', 'ENOSPC']) {
  test(`CA-01: ${code} in a transfer, applied or not: clear error, retry works`, async () => {
    await using source = await testPool()
    await source.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
    const steps = await atEveryStep(
      code,
      (pool) => receiveInTwo(pool, source),
      async (pool) => {
        assert.deepEqual((await assertSound(pool)).quarantine, [])
        await using fresh = await testPool({ folder: pool.folder })
        await assertRecovers(pool.folder, fresh, source)
      },
    )
    assert(steps >= 15, `only ${steps} steps`)
  })
}

test('CA-01: a transfer killed after sealing its files resumes without root', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-crash-'))
  t.after(() => rm(folder, { recursive: true }))
  // Root may write to any file, so a test as root switches to uid 65534 for this part.
  if (process.geteuid?.() === 0) {
    await chown(folder, NOBODY, NOBODY)
    process.seteuid?.(NOBODY)
    t.after(() => process.seteuid?.(0))
  }
  await using source = await testPool()
  await source.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
  const frozen = Promise.withResolvers<void>()
  const before = ({ name, args }: Step): undefined | 'freeze' => {
    if (name !== 'rename' || !String(args[1]).includes('/blobs/')) return undefined
    frozen.resolve()
    return 'freeze'
  }
  const disk = watchedDisk({ before })
  void testPool({ folder, disk }).then((pool) => receiveInTwo(pool, source))
  await frozen.promise
  await disk.die()
  const incoming = await (await testPool({ folder })).receive(ID, PROGRAM_CONTENT.length)
  assert.ok(
    incoming.missing().reduce((sum, { start, end }) => sum + end - start, 0) <
      PROGRAM_CONTENT.length,
    'verified groups are kept',
  )
  for (const range of incoming.missing()) await send(source, incoming, range)
  await incoming.finish()
  assert((await contentOf((await testPool({ folder })).read(ID))).equals(PROGRAM_CONTENT))
})

/** Fails a rename before all written data is synced. Records renames and the last synced folder. */
function orderWatch(): Watch & { readonly renamed: string[]; folder: string } {
  const dirty = new Set<unknown>()
  const watch = {
    renamed: [] as string[],
    folder: '',
    after: ({ name, args }: Step): void => {
      if (name === 'write') dirty.add(args[0])
      if (name === 'sync') dirty.delete(args[0])
      if (name === 'rename') {
        assert.equal(dirty.size, 0, 'a rename before written data is synced')
        watch.renamed.push(args[1] as string)
      }
      if (name === 'syncFolder') watch.folder = args[0] as string
    },
  }
  return watch
}

test('CA-02: a blob gets its final name only after its bytes and outboard are synced', async () => {
  const watch = orderWatch()
  await using pool = await testPool({ disk: watchedDisk(watch) })
  const { id } = await pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
  assert.deepEqual(watch.renamed, [pool.path(id), `${pool.path(id)}.outboard`])
  assert.equal(
    watch.folder,
    join(pool.folder, 'blobs', id.slice(0, 2)),
    'the folder is synced last',
  )
})

test('BT-11: the bitmap and the final name are written only after the data is synced', async () => {
  await using source = await testPool()
  await source.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX })
  const watch = orderWatch()
  await using pool = await testPool({ disk: watchedDisk(watch) })
  await receiveInTwo(pool, source)
  assert.equal(watch.renamed.length, 3)
  assert.match(watch.renamed[0] as string, /partial\/[0-9a-f.]+\.verified$/)
  assert.deepEqual(watch.renamed.slice(1), [pool.path(ID), `${pool.path(ID)}.outboard`])
  assert.equal(watch.folder, join(pool.folder, 'blobs', ID.slice(0, 2)))
})

test('CA-03: after a failed fsync the pool rejects writes and still serves reads', async () => {
  let fail = false
  const fault = ({ name }: Step): void => {
    if (fail && name === 'sync') throw errnoError('EIO')
  }
  await using pool = await testPool({ disk: watchedDisk({ before: fault }) })
  const { id } = await pool.ingest(inPieces(someBytes(20_000)), { maxBytes: MAX })
  fail = true
  await assert.rejects(
    pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX }),
    failsWith('blob.disk'),
  )
  fail = false
  await assert.rejects(
    pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: MAX }),
    failsWith('blob.suspect'),
  )
  await assert.rejects(pool.receive(ID, PROGRAM_CONTENT.length), failsWith('blob.suspect'))
  assert.equal((await contentOf(pool.read(id))).length, 20_000)
  assert.deepEqual(await idsOf(pool), [id])
  assert.deepEqual((await assertSound(pool)).temporary, [])
})

test('CA-10: an ingest that fills the disk fails; smaller content still fits', async () => {
  await using pool = await testPool()
  // The shell limits the file size for its child (in blocks of 512 or 1,024 bytes). The kernel then
  // rejects the write as on a full disk.
  const script = `
    import { testPool, inPieces, assertSound }
      from ${JSON.stringify(join(import.meta.dirname, '../testing/pools.ts'))}
    const pool = await testPool({ folder: process.argv[1] })
    const outcome = await pool.ingest(inPieces(Buffer.alloc(8 << 20)), { maxBytes: 1 << 24 })
      .catch((error) => error.code)
    const small = await pool.ingest(inPieces(Buffer.alloc(50_000)), { maxBytes: 1 << 24 })
    console.log(JSON.stringify([outcome, small.size, (await assertSound(pool)).temporary]))`
  const shell = 'ulimit -f 4096 && exec "$0" --input-type=module -e "$1" "$2"'
  const output = execFileSync('/bin/sh', ['-c', shell, process.execPath, script, pool.folder], {
    encoding: 'utf8',
  })
  assert.deepEqual(JSON.parse(output), ['blob.no-space', 50_000, []])
})
