/** Tests that the pool serves exact ranges, and no byte that changed on the disk. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { chmod, open, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BlobId } from '../ids.ts'
import { encodable, encoded, referenceOutboard, someBytes } from '../testing/bao.ts'
import { assertSound, contentOf, inPieces, send, testPool } from '../testing/pools.ts'
import { blobError } from './errors.ts'

const GROUP = 16_384
const LENGTH = 2_000_000
const MANY = 100 << 20
const content = someBytes(LENGTH, 3)
const outboard = referenceOutboard(content, GROUP)
const failsWith = (code: Parameters<typeof blobError>[0]) => (error: unknown) =>
  blobError.is(error, code)

async function flip(path: string, at: number): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  byte[0] = (byte[0] as number) ^ 4
  await file.write(byte, 0, 1, at)
  await file.close()
}

test('the pool sends the standard encoding of any range', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const reference = {
    ...encodable(Buffer.alloc(0)),
    content,
    outboard,
    root: Buffer.from(id, 'hex'),
  }
  for (const [start, end] of [
    [0, LENGTH],
    [0, 0],
    [0, 1],
    [GROUP, 2 * GROUP],
    [1_234_567, 1_300_000],
    [LENGTH - 1, LENGTH],
    [LENGTH, LENGTH],
  ] as const) {
    const sent = await contentOf(pool.encode(id, { start, end }))
    assert(sent.equals(await encoded(reference, { start, end })), `bytes ${start} to ${end}`)
  }
})

test('every chunk is a separate buffer of at most 1 MiB', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const chunks: Uint8Array[] = []
  for await (const chunk of pool.encode(id, { start: 0, end: LENGTH })) chunks.push(chunk)
  assert.equal(chunks.length, 2)
  assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, 2)
  for (const chunk of chunks) assert(chunk.length <= 1 << 20)
})

test('BT-05: rejects ranges that are outside the blob, reversed or not numbers', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const incoming = await pool.receive('ab'.repeat(32) as BlobId, 100)
  const wrong = [
    [0, LENGTH + 1],
    [5, 4],
    [-1, 5],
    [0, 1.5],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 60, 2 ** 60],
  ] as const
  for (const [start, end] of wrong) {
    await assert.rejects(contentOf(pool.encode(id, { start, end })), failsWith('blob.range'))
    assert.throws(() => incoming.decoder({ start, end }), failsWith('blob.range'))
  }
  await incoming.abort()
  await assert.rejects(
    contentOf(pool.encode('cd'.repeat(32) as BlobId, { start: 0, end: 0 })),
    failsWith('blob.unknown'),
  )
})

test('BT-05: serves many small and overlapping ranges at once', async () => {
  await using pool = await testPool()
  await using other = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const incoming = await other.receive(id, LENGTH)
  const ranges = Array.from({ length: 150 }, (_, i) => ({
    start: (i * 99_991) % LENGTH,
    end: Math.min(LENGTH, ((i * 99_991) % LENGTH) + 40_000),
  }))
  await Promise.all(ranges.map((range) => send(pool, incoming, range)))
  for (const range of incoming.missing()) await send(pool, incoming, range)
  await incoming.finish()
  assert((await contentOf(other.read(id))).equals(content))
})

test('BT-09: recomputes a damaged or missing outboard and sends the content', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const path = `${pool.path(id)}.outboard`
  const sound = await contentOf(pool.encode(id, { start: 0, end: LENGTH }))
  const isRepaired = async (): Promise<void> => {
    assert((await contentOf(pool.encode(id, { start: 0, end: LENGTH }))).equals(sound))
    assert((await contentOf(createReadStream(path))).equals(outboard))
  }
  for (const at of [8, 100, outboard.length - 1]) {
    await flip(path, at)
    await assert.rejects(
      contentOf(pool.encode(id, { start: 0, end: LENGTH })),
      failsWith('blob.damaged'),
    )
    await isRepaired()
  }
  await rm(path)
  await isRepaired()
  await chmod(path, 0o644)
  await truncate(path, 1000)
  await isRepaired()
  assert.equal(await pool.check(id), true)
  assert.equal(pool.warnings.length, 5)
})

test('BT-09: never sends damaged content, and quarantines the blob', async () => {
  for (const damage of ['flip', 'cut', 'grow'] as const) {
    await using pool = await testPool()
    const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
    const sound = await contentOf(pool.encode(id, { start: 0, end: LENGTH }))
    if (damage === 'flip') await flip(pool.path(id), 1_500_000)
    else {
      await chmod(pool.path(id), 0o644)
      await (damage === 'cut'
        ? truncate(pool.path(id), LENGTH - 1)
        : writeFile(pool.path(id), 'more', { flag: 'a' }))
    }
    const sent: Uint8Array[] = []
    const stream = pool.encode(id, { start: 0, end: LENGTH - 1 })
    await assert.rejects(async () => {
      for await (const chunk of stream) sent.push(chunk)
    }, failsWith('blob.damaged'))
    assert(
      sound
        .subarray(
          0,
          sent.reduce((sum, chunk) => sum + chunk.length, 0),
        )
        .equals(Buffer.concat(sent)),
      damage,
    )
    assert.equal(await pool.stat(id), undefined)
    assert.equal((await assertSound(pool)).quarantine.length, 1)
  }
})

test('serves the verified part of a blob that is being received', async () => {
  await using pool = await testPool()
  await using relay = await testPool()
  await using last = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const incoming = await relay.receive(id, LENGTH)
  await send(pool, incoming, { start: 0, end: 1_000_000 })
  const onward = await last.receive(id, LENGTH)
  await send(relay, onward, { start: 0, end: 900_000 })
  assert(onward.verifiedPrefix() >= 900_000)
  await assert.rejects(
    contentOf(relay.encode(id, { start: 900_000, end: 1_100_000 })),
    failsWith('blob.unverified'),
  )
  await incoming.abort()
  assert((await relay.partial(id))?.proven === false)
  await send(relay, onward, { start: 900_000, end: 1_000_000 })
  await onward.abort()
})

test('BT-09: does not send a damaged partial blob', async () => {
  await using pool = await testPool()
  await using relay = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const incoming = await relay.receive(id, LENGTH)
  await send(pool, incoming, { start: 0, end: 1_000_000 })
  await incoming.abort()
  const name = (await readdir(join(relay.folder, 'partial'))).find((entry) =>
    entry.endsWith('.data'),
  ) as string
  await flip(join(relay.folder, 'partial', name), 500_000)
  await assert.rejects(
    contentOf(relay.encode(id, { start: 0, end: 1_000_000 })),
    failsWith('blob.unverified'),
  )
  const again = await relay.receive(id, LENGTH)
  assert(again.verifiedPrefix() <= 500_000)
  for (const range of again.missing()) await send(pool, again, range)
  await again.finish()
  assert((await contentOf(relay.read(id))).equals(content))
})

test('serves a blob that gets its final name during the request', async () => {
  await using pool = await testPool()
  await using relay = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const sound = await contentOf(pool.encode(id, { start: 0, end: LENGTH }))
  const incoming = await relay.receive(id, LENGTH)
  await send(pool, incoming)
  const readers: Promise<Buffer>[] = []
  const finishing = incoming.finish()
  for (let ended = false; !ended; ) {
    readers.push(contentOf(relay.encode(id, { start: 0, end: LENGTH })))
    ended = await Promise.race([
      finishing.then(() => true),
      new Promise<boolean>((resolve) => setImmediate(resolve, false)),
    ])
  }
  for (const sent of await Promise.all(readers)) assert(sent.equals(sound))
})

test('a reader that stops early or aborts closes the files', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  for await (const _chunk of pool.encode(id, { start: 0, end: LENGTH })) break
  const abort = new AbortController()
  const stream = pool.encode(id, { start: 0, end: LENGTH }, abort.signal)
  await assert.rejects(async () => {
    for await (const _chunk of stream) abort.abort(new Error('enough'))
  }, /enough/)
})
