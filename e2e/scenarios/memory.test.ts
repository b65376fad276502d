/**
 * Checks the memory of processes that move content: each moves two gigabytes and keeps none of them
 * in memory. All tests are in one file, because they share a fleet. Its pools store zeros as holes.
 */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test, { after, before, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { resolveInFolder } from '../../node/http/folder.ts'
import { respond } from '../../node/http/respond.ts'
import { systemClock } from '../../shared/clock.ts'
import { silentLogger } from '../../shared/logger.ts'
import { GIB, MIB } from '../../shared/units.ts'
import { type Daemon, type Fleet, startFleet } from '../testing/fleet.ts'
import { zeros } from '../testing/ingest-program.ts'
import { peakBytes, residentBytes, resetPeak } from '../testing/memory.ts'

const CONTENT_BYTES = 2 * GIB
/** The output of `head -c 2G /dev/zero | sha256sum`. */
const CONTENT_SHA256 = 'a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51'
/**
 * The limit of growth during one transfer. Batches for the disk, windows of the transport and the
 * outboard (the blob's hash tree, 8 MiB here) need about 30 MiB. The rest is garbage that V8 has
 * not collected yet. The content is sixteen times as large.
 */
const GROWTH_BYTES = 128 * MIB
/** The memory of a process with all its code, before it moves content. */
const START_BYTES = 192 * MIB

const TESTING = join(import.meta.dirname, '..', 'testing')
const SPARSE = [process.execPath, '--max-semi-space-size=4', join(TESTING, 'sparse-muster.ts')]
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`

/** Runs the work, during which the process may grow by {@link GROWTH_BYTES}. */
async function bounded(t: TestContext, pid: number, work: () => Promise<unknown>): Promise<void> {
  const before = await residentBytes(pid)
  await resetPeak(pid)
  await work()
  const growth = (await peakBytes(pid)) - before
  t.diagnostic(`from ${mib(before)}, grew by ${mib(growth)}`)
  assert.ok(growth <= GROWTH_BYTES, `it grew by ${mib(growth)} from ${mib(before)}`)
}

test('an ingest of 2 GiB keeps none of it in memory', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-memory-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const program = join(TESTING, 'ingest-program.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    folder,
    String(CONTENT_BYTES),
  ])
  const { size, peak } = JSON.parse(stdout) as { size: number; peak: number }
  t.diagnostic(`peak ${mib(peak)}`)
  assert.equal(size, CONTENT_BYTES)
  assert.ok(peak <= START_BYTES + GROWTH_BYTES, `its peak was ${mib(peak)}`)
})

// Owned by before() and after(). One fleet for the tests below, because its start takes long.
const stack = new AsyncDisposableStack()
let fleet: Fleet
let coordinator: Daemon
let upstream: Awaited<ReturnType<typeof hugeUpstream>>

before(async () => {
  fleet = stack.use(await startFleet({ coordinator: false }))
  upstream = await hugeUpstream(fleet.path('huge'))
  stack.defer(() => upstream.close())
  await fleet.configure(
    'coordinator',
    '20-huge.yaml',
    `name: huge\ntype: rpm\nupstream: { url: "${upstream.url}" }\n`,
  )
  coordinator = await fleet.start('coordinator', ['coordinator', 'run'], SPARSE)
})
after(() => stack.disposeAsync())

/** Creates a file of two gigabytes that takes no space. */
async function image(): Promise<string> {
  const file = fleet.path('image')
  await writeFile(file, 'an image')
  await truncate(file, CONTENT_BYTES)
  return file
}

test('blob add of 2 GiB keeps none of it in memory, on either side of the socket', async (t) => {
  const file = await image()
  await bounded(t, coordinator.pid, async () => {
    const { peak } = await addBlob(file)
    t.diagnostic(`the command: peak ${mib(peak)}`)
    assert.ok(peak <= START_BYTES + GROWTH_BYTES, `the peak of the command was ${mib(peak)}`)
  })
})

test('repo sync of a package of 2 GiB keeps none of it in memory', async (t) => {
  await bounded(t, coordinator.pid, () => fleet.ok(['repo', 'sync', '--repo-id', 'huge']))
  assert.equal(upstream.sent(), CONTENT_BYTES)
})

test('a fetch of 2 GiB from peer to peer keeps none of it in memory, on either side', async (t) => {
  const { blob } = await addBlob(await image())
  const token = await fleet.ok(['enroll', 'token', '--approve'])
  await fleet.ok(['agent', 'join', token, '--name', 'host'], { home: 'host' })
  await fleet.configure(
    'host',
    '00-test.yaml',
    'listen: ["/ip4/127.0.0.1/tcp/0"]\ngateway: { listen: "127.0.0.1:0" }\n',
  )
  const host = await fleet.start('host', ['agent', 'run'], SPARSE)
  const get = ['blob', 'get', blob, '--range', '0-8', '--to', fleet.path('start')]
  await bounded(t, coordinator.pid, () =>
    bounded(t, host.pid, () => fleet.ok(get, { home: 'host' })),
  )
  assert.equal(await readFile(fleet.path('start'), 'utf8'), 'an image')
})

/** Runs `muster blob add` and returns the last seen peak of its memory. */
async function addBlob(file: string): Promise<{ blob: string; peak: number }> {
  const env = { ...process.env, ...fleet.environment() }
  const [program, ...words] = SPARSE
  const child = spawn(program as string, [...words, 'muster', 'blob', 'add', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  let peak = 0
  const watch = systemClock.every(20, () => {
    void peakBytes(child.pid as number).then(
      (bytes) => (peak = Math.max(peak, bytes)),
      () => undefined,
    )
  })
  const [code] = await closed
  watch()
  assert.equal(code, 0)
  return { blob: stdout.trim(), peak }
}

/** Starts an upstream with one package of zeros, which are created while they are sent. */
async function hugeUpstream(folder: string) {
  await mkdir(folder)
  const { packages, metadata } = await writeRepository(folder, [
    { name: 'huge', version: '1', release: '1' },
  ])
  const [rpm, primary] = [packages[0], metadata.find(({ type }) => type === 'primary')]
  assert.ok(rpm !== undefined && primary !== undefined)
  const text = gunzipSync(await readFile(join(folder, primary.href)))
    .toString()
    .replaceAll(rpm.sha256, CONTENT_SHA256)
    .replace(`package="${rpm.bytes.length}"`, `package="${CONTENT_BYTES}"`)
  const bytes = gzipSync(text)
  await writeFile(join(folder, primary.href), bytes)
  const repomd = join(folder, 'repodata', 'repomd.xml')
  const listed = (await readFile(repomd, 'utf8'))
    .replace(`>${primary.sha256}</checksum>`, `>${sha256(bytes)}</checksum>`)
    .replace(primary.openSha256, sha256(text))
    .replace(`<size>${primary.size}</size>`, `<size>${bytes.length}</size>`)
    .replace(`<open-size>${primary.openSize}<`, `<open-size>${Buffer.byteLength(text)}<`)
  await writeFile(repomd, listed)
  let sent = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of zeros(CONTENT_BYTES)) {
      sent += piece.length
      yield piece
    }
  }
  const resolve = (segments: readonly string[]) => resolveInFolder(folder, segments, {})
  const server = createServer((request, response) => {
    if (request.url !== `/${rpm.href}`)
      return void respond({ log: silentLogger, resolve }, request, response)
    response.writeHead(200, { 'content-length': CONTENT_BYTES })
    pipeline(Readable.from(counted()), response).catch(() => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent: () => sent,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
