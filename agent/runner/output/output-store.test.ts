import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { OutputStore } from './output-store.ts'
import { STREAMS, type Stream } from '../ground/run-state.ts'

const KIB = 1024

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'muster-output-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Returns bytes that differ at nearly every offset, so that the test notices a shift. */
function pattern(stream: Stream, offset: number, length: number): Buffer {
  return Buffer.from(
    Uint8Array.from(
      { length },
      (_, index) =>
        ((offset + index) * 31 + ((offset + index) >> 8) * 7 + (stream === 'stderr' ? 1 : 0)) &
        0xff,
    ),
  )
}

async function storedBytes(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Reads a whole stream and checks each byte against its offset. */
async function check(
  store: OutputStore,
  stream: Stream,
  from = 0,
): Promise<{ kept: number; dropped: number }> {
  let [offset, kept, dropped] = [from, 0, 0]
  for (;;) {
    const chunk = await store.read(stream, offset, 3 * KIB)
    assert.equal(chunk.offset, offset + chunk.dropped)
    assert.deepEqual(Buffer.from(chunk.bytes), pattern(stream, chunk.offset, chunk.bytes.length))
    dropped += chunk.dropped
    kept += chunk.bytes.length
    offset = chunk.offset + chunk.bytes.length
    if (chunk.bytes.length === 0) return { kept, dropped }
  }
}

test('PC-14: an offset of run output always means the same byte', async () => {
  const appends = fc.array(
    fc.tuple(fc.constantFrom(...STREAMS), fc.integer({ min: 1, max: 9 * KIB })),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(appends, fc.nat({ max: 40 }), async (list, reopenAt) => {
      await using folder = await temporary()
      const limit = 64 * KIB
      let store = new OutputStore(folder.path, limit)
      const size = { stdout: 0, stderr: 0 }
      for (const [index, [stream, length]] of list.entries()) {
        store.append(stream, pattern(stream, size[stream], length))
        size[stream] += length
        assert.ok((await storedBytes(folder.path)) <= limit)
        if (index === reopenAt) {
          store.close()
          store = new OutputStore(folder.path, limit)
        }
      }
      let dropped = 0
      for (const stream of STREAMS) {
        const read = await check(store, stream)
        assert.equal(read.kept + read.dropped, size[stream])
        dropped += read.dropped
        await check(store, stream, Math.floor(size[stream] / 2))
      }
      assert.deepEqual(store.count(), { ...size, dropped })
      store.close()
    }),
    { numRuns: 60 },
  )
})

test('run output keeps its beginning and its newest bytes', async () => {
  await using folder = await temporary()
  const store = new OutputStore(folder.path, 64 * KIB)
  for (let offset = 0; offset < 300 * KIB; offset += KIB)
    store.append('stdout', pattern('stdout', offset, KIB))
  const head = await store.read('stdout', 0, 10)
  assert.deepEqual([head.offset, head.dropped], [0, 0])
  const tail = await store.read('stdout', 300 * KIB - 40 * KIB, 10)
  assert.deepEqual([tail.offset, tail.dropped], [260 * KIB, 0])
  const gap = await store.read('stdout', 100 * KIB, 10)
  assert.ok(gap.dropped > 100 * KIB)
  store.close()
})

test("run output that can't be written to the disk is dropped and counted", async () => {
  await using folder = await temporary()
  const gone = join(folder.path, 'gone')
  const store = new OutputStore(gone, 64 * KIB)
  store.append('stdout', pattern('stdout', 0, KIB))
  assert.deepEqual(store.count(), { stdout: KIB, stderr: 0, dropped: KIB })
  await mkdir(gone)
  store.append('stdout', pattern('stdout', KIB, KIB))
  const chunk = await store.read('stdout', 0, 4 * KIB)
  assert.deepEqual([chunk.offset, chunk.dropped], [KIB, KIB])
  assert.deepEqual(await check(store, 'stdout'), { kept: KIB, dropped: KIB })
  store.close()
})

test('a run that failed to start keeps no output', async () => {
  await using folder = await temporary()
  const store = new OutputStore(folder.path, 64 * KIB)
  store.append('stderr', pattern('stderr', 0, 10))
  store.discard()
  assert.deepEqual(store.count(), { stdout: 0, stderr: 0, dropped: 0 })
  assert.deepEqual(await readdir(folder.path), [])
})
