/**
 * Tests verified transfers: several senders, interruptions, resumption, callers that join, false
 * data.
 */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { blake3Of } from '../blake3/hash.ts'
import type { BlobId } from '../ids.ts'
import { referenceOutboard, someBytes } from '../testing/bao.ts'
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
import type { Incoming } from './incoming.ts'
import type { ByteRange } from './pool.ts'

const GROUP = 16_384
const MANY = 100 << 20
const failsWith = (code: Parameters<typeof blobError>[0]) => (error: unknown) =>
  blobError.is(error, code)
const NO_LEFTOVERS = { temporary: [], partial: [], quarantine: [] }

/** Returns a pool that has a blob, a pool that needs it, and the blob. */
async function pair(
  length: number,
  seed = 7,
): Promise<{ from: TestPool; to: TestPool; id: BlobId; content: Buffer } & AsyncDisposable> {
  const [from, to] = [await testPool(), await testPool()]
  const content = someBytes(length, seed)
  const { id } = await from.ingest(inPieces(content), { maxBytes: MANY })
  return {
    from,
    to,
    id,
    content,
    [Symbol.asyncDispose]: async () => {
      await from[Symbol.asyncDispose]()
      await to[Symbol.asyncDispose]()
    },
  }
}

async function sendMissing(from: TestPool, incoming: Incoming): Promise<void> {
  for (const range of incoming.missing()) await send(from, incoming, range)
}

test('blobs of any length are received whole, with the sender’s outboard', async () => {
  for (const length of [0, 1, GROUP, GROUP + 1, 40_000, (1 << 20) + 5, 2_600_000]) {
    await using it = await pair(length)
    const incoming = await it.to.receive(it.id, length)
    assert.deepEqual(incoming.missing(), [{ start: 0, end: length }])
    await send(it.from, incoming)
    assert.equal(incoming.verifiedPrefix(), length)
    assert.equal(incoming.sizeProven(), true)
    assert.deepEqual(await incoming.finish(), { size: length })
    assert((await contentOf(it.to.read(it.id))).equals(it.content))
    const encodings = await Promise.all(
      [it.from, it.to].map((pool) => contentOf(pool.encode(it.id, { start: 0, end: length }))),
    )
    assert((encodings[0] as Buffer).equals(encodings[1] as Buffer))
    assert.deepEqual(await assertSound(it.to), NO_LEFTOVERS)
  }
})

test('BT-07: ranges from several senders form one blob, even if one sender stalls', async () => {
  await using it = await pair(3_000_000)
  const incoming = await it.to.receive(it.id, 3_000_000)
  const stalled = incoming.decoder({ start: 0, end: 1_500_000 })
  const encoding = await contentOf(it.from.encode(it.id, { start: 0, end: 1_500_000 }))
  await stalled.write(encoding.subarray(0, encoding.length - 2 * GROUP))
  await Promise.all([
    send(it.from, incoming, { start: 2_200_000, end: 3_000_000 }),
    send(it.from, incoming, { start: 1_500_000, end: 2_200_000 }),
  ])
  stalled.close()
  await stalled.drained()
  const missing = incoming.missing()
  assert.equal(missing.length, 1)
  assert(
    (missing[0] as ByteRange).end - (missing[0] as ByteRange).start <= 3 * GROUP,
    'only the tail of the stalled range is fetched again',
  )
  await sendMissing(it.from, incoming)
  await incoming.finish()
  assert((await contentOf(it.to.read(it.id))).equals(it.content))
})

test('BT-01: an altered byte is rejected, and the data before it is kept', async () => {
  await using it = await pair(1_000_000)
  const encoding = await contentOf(it.from.encode(it.id, { start: 0, end: 1_000_000 }))
  for (const place of [8, 100, 20_000, 500_000, encoding.length - 1]) {
    const bad = Buffer.from(encoding)
    bad[place] = (bad[place] as number) ^ 1
    const incoming = await it.to.receive(it.id, 1_000_000)
    const sink = incoming.decoder({ start: 0, end: 1_000_000 })
    assert.throws(() => sink.write(bad), failsWith('blob.altered'))
    await sink.drained()
    const prefix = incoming.verifiedPrefix()
    assert(
      prefix <= place && place - prefix < 2 * GROUP + 2000,
      `${prefix} bytes before a bad byte ${place} of the encoding`,
    )
    assert(it.content.subarray(0, prefix).equals(await incoming.read({ start: 0, end: prefix })))
    await incoming.abort()
    const [data] = (await readdir(join(it.to.folder, 'partial'))).filter((name) =>
      name.endsWith('.data'),
    )
    if (data !== undefined) {
      const kept = await contentOf(createReadStream(join(it.to.folder, 'partial', data)))
      assert(
        it.content.subarray(0, kept.length).equals(kept),
        'the file contains verified bytes only',
      )
    }
    await it.to.remove(it.id)
    await rm(join(it.to.folder, 'partial'), { recursive: true })
    await mkdir(join(it.to.folder, 'partial'))
  }
})

test('BT-03: a false size fails at the last group, and the true size then works', async () => {
  await using it = await pair(100_000)
  for (const claim of [99_999, 100_001, 200_000, 98_305, 1, 0]) {
    const incoming = await it.to.receive(it.id, claim)
    const sink = incoming.decoder({ start: 0, end: claim })
    const encoding = Buffer.from(await contentOf(it.from.encode(it.id, { start: 0, end: 100_000 })))
    encoding.writeBigUInt64LE(BigInt(claim))
    await assert.rejects(async () => {
      await sink.write(encoding)
      sink.end()
    }, blobError.is)
    await sink.drained()
    assert.equal(incoming.sizeProven(), false)
    await assert.rejects(incoming.finish(), failsWith('blob.incomplete'))
    await incoming.abort()
  }
  for (const claim of [2 ** 53, -1, 0.5, 257 * 1024 ** 3])
    await assert.rejects(it.to.receive(it.id, claim), blobError.is)
  const incoming = await it.to.receive(it.id, 100_000)
  await sendMissing(it.from, incoming)
  await incoming.finish()
  assert.deepEqual(await assertSound(it.to), NO_LEFTOVERS)
  await assert.rejects(it.to.receive(it.id, 99_999), failsWith('blob.size'))
})

test('a size that the last group proved replaces any other claim', async () => {
  await using it = await pair(100_000)
  const incoming = await it.to.receive(it.id, 100_000)
  await send(it.from, incoming, { start: 99_000, end: 100_000 })
  assert.equal(incoming.sizeProven(), true)
  await assert.rejects(it.to.receive(it.id, 100_001), failsWith('blob.size'))
  await incoming.abort()
  await assert.rejects(it.to.receive(it.id, 100_001), failsWith('blob.size'))
  const again = await it.to.receive(it.id, 100_000)
  assert.deepEqual(again.missing(), [{ start: 0, end: 6 * GROUP }])
  await again.abort()
})

test('BT-04 and BT-06: an encoding that ends early or goes on too long is an error', async () => {
  await using it = await pair(50_000)
  const encoding = await contentOf(it.from.encode(it.id, { start: 0, end: 50_000 }))
  const incoming = await it.to.receive(it.id, 50_000)
  const short = incoming.decoder({ start: 0, end: 50_000 })
  await short.write(encoding.subarray(0, encoding.length - 1))
  assert.equal(short.done, false)
  assert.throws(() => short.end(), failsWith('blob.truncated'))
  const long = incoming.decoder({ start: 0, end: 50_000 })
  await long.write(encoding)
  assert.equal(long.done, true)
  assert.throws(() => long.write(Buffer.alloc(1)), failsWith('blob.altered'))
  await long.drained()
  await incoming.finish()
})

test('verified bytes can be awaited and read during the transfer', async () => {
  await using it = await pair(2_000_000)
  const incoming = await it.to.receive(it.id, 2_000_000)
  await assert.rejects(incoming.read({ start: 0, end: 1 }), failsWith('blob.unverified'))
  const waiting = incoming.waitFor(300_000)
  const sink = incoming.decoder({ start: 0, end: 2_000_000 })
  const encoding = await contentOf(it.from.encode(it.id, { start: 0, end: 2_000_000 }))
  for (let at = 0; at < 400_000; at += 1000) await sink.write(encoding.subarray(at, at + 1000))
  await waiting
  assert(incoming.verifiedPrefix() >= 300_000)
  assert(
    it.content.subarray(1234, 300_000).equals(await incoming.read({ start: 1234, end: 300_000 })),
  )
  await assert.rejects(incoming.read({ start: 0, end: 1_900_000 }), failsWith('blob.unverified'))
  await assert.rejects(incoming.read({ start: 0, end: 2_000_001 }), failsWith('blob.range'))
  await assert.rejects(incoming.waitFor(2_000_001), failsWith('blob.range'))
  const abort = new AbortController()
  const given = incoming.waitFor(2_000_000, abort.signal)
  abort.abort(new Error('enough'))
  await assert.rejects(given, /enough/)
  const late = incoming.waitFor(2_000_000)
  await Promise.all([incoming.abort(), assert.rejects(late, failsWith('blob.aborted'))])
  assert.throws(() => incoming.decoder({ start: 0, end: 1 }), failsWith('blob.aborted'))
  await assert.rejects(incoming.read({ start: 0, end: 1 }), failsWith('blob.aborted'))
})

test('an aborted transfer resumes from the verified part, also in another process', async () => {
  await using it = await pair(2_000_000)
  const first = await it.to.receive(it.id, 2_000_000)
  await send(it.from, first, { start: 500_000, end: 700_000 })
  await first.abort()
  await first.abort()
  const expected = [{ start: 30 * GROUP, end: 43 * GROUP }]
  assert.deepEqual(await it.to.partial(it.id), { size: 2_000_000, proven: false, ranges: expected })
  await using another = await testPool({ folder: it.to.folder })
  assert.deepEqual(await another.partial(it.id), {
    size: 2_000_000,
    proven: false,
    ranges: expected,
  })
  const second = await another.receive(it.id, 2_000_000)
  assert.deepEqual(second.missing(), [
    { start: 0, end: 30 * GROUP },
    { start: 43 * GROUP, end: 2_000_000 },
  ])
  await sendMissing(it.from, second)
  await second.finish()
  assert((await contentOf(another.read(it.id))).equals(it.content))
  assert.equal(await another.partial(it.id), undefined)
  assert.deepEqual(await assertSound(another), NO_LEFTOVERS)
})

test('callers can stop waiting for a resumption; the last one to leave aborts it', async () => {
  const size = 24_000_000
  await using it = await pair(size)
  const first = await it.to.receive(it.id, size)
  await send(it.from, first, { start: 0, end: size - 1_000_000 })
  await first.abort()
  await using another = await testPool({ folder: it.to.folder })
  const stops = [new AbortController(), new AbortController()]
  const left = stops.map(({ signal }) =>
    another.receive(it.id, size, signal).catch((error: Error) => error.message),
  )
  for (const [i, stop] of stops.entries()) {
    stop.abort(new Error(`left ${i}`))
    assert.equal(await left[i], `left ${i}`)
  }
  await assert.rejects(another.receive(it.id, size, AbortSignal.abort(new Error('early'))), {
    message: 'early',
  })
  // A caller that stays isn't aborted with the others, and gets all verified data.
  const [stays, leaves] = [another.receive(it.id, size), new AbortController()]
  const leaver = another.receive(it.id, size, leaves.signal)
  leaves.abort(new Error('left'))
  await assert.rejects(leaver, { message: 'left' })
  const second = await stays
  assert.ok((second.missing()[0] as ByteRange).start > size - 1_000_000 - GROUP)
  await sendMissing(it.from, second)
  await second.finish()
  assert((await contentOf(another.read(it.id))).equals(it.content))
  assert.deepEqual(await assertSound(another), NO_LEFTOVERS)
})

test('BT-11: a resumption fetches groups that the bitmap claims but the disk lacks', async () => {
  await using it = await pair(1_000_000)
  const first = await it.to.receive(it.id, 1_000_000)
  await send(it.from, first, { start: 0, end: 600_000 })
  await first.abort()
  const partial = join(it.to.folder, 'partial')
  const file = (suffix: string, names: string[]): string =>
    join(partial, names.find((name) => name.endsWith(suffix)) as string)
  const names = await readdir(partial)
  // This is the state after a power loss that kept the bitmap and lost the end of the data.
  await truncate(file('.data', names), 30_000)
  const second = await it.to.receive(it.id, 1_000_000)
  assert((second.missing()[0] as ByteRange).start <= 30_000)
  await sendMissing(it.from, second)
  await second.abort()
  // This is the state after bit rot in tree nodes and in a bitmap.
  await truncate(file('.outboard', names), 8)
  const third = await it.to.receive(it.id, 1_000_000)
  assert.deepEqual(third.missing(), [{ start: 0, end: 1_000_000 }])
  await sendMissing(it.from, third)
  await third.abort()
  await writeFile(file('.verified', names), Buffer.alloc(100, 0xff))
  const fourth = await it.to.receive(it.id, 1_000_000)
  assert.deepEqual(fourth.missing(), [{ start: 0, end: 1_000_000 }])
  await sendMissing(it.from, fourth)
  await fourth.finish()
  assert((await contentOf(it.to.read(it.id))).equals(it.content))
})

test('a reader that follows a transfer continues after it ends', async () => {
  await using it = await pair(200_000)
  const incoming = await it.to.receive(it.id, 200_000)
  await sendMissing(it.from, incoming)
  const before = await incoming.read({ start: 0, end: 100_000 })
  const [, during] = await Promise.all([
    incoming.finish(),
    incoming.read({ start: 100_000, end: 150_000 }),
  ])
  const after = await incoming.read({ start: 150_000, end: 200_000 })
  assert(Buffer.concat([before, during, after]).equals(it.content))
  await incoming.waitFor(200_000)
})

test('BT-10: a second caller joins the transfer; one abort stops only one', async () => {
  await using it = await pair(500_000)
  const [one, two] = await Promise.all([
    it.to.receive(it.id, 500_000),
    it.to.receive(it.id, 500_000),
  ])
  await send(it.from, one, { start: 0, end: 250_000 })
  await one.abort()
  assert((two.missing()[0] as ByteRange).start >= 250_000)
  await sendMissing(it.from, two)
  const three = await it.to.receive(it.id, 500_000)
  await Promise.all([two.finish(), three.finish(), two.finish()])
  const four = await it.to.receive(it.id, 500_000)
  assert.deepEqual([four.missing(), four.verifiedPrefix()], [[], 500_000])
  assert(it.content.subarray(5, 9).equals(await four.read({ start: 5, end: 9 })))
  await four.finish()
  assert.deepEqual(await idsOf(it.to), [it.id])
  assert.deepEqual(await assertSound(it.to), NO_LEFTOVERS)
})

test('BT-10: two processes that receive the same blob at once both succeed', async () => {
  await using it = await pair(500_000)
  await using other = await testPool({ folder: it.to.folder })
  const [one, two] = await Promise.all([
    it.to.receive(it.id, 500_000),
    other.receive(it.id, 500_000),
  ])
  await Promise.all([sendMissing(it.from, one), sendMissing(it.from, two)])
  await Promise.all([one.finish(), two.finish()])
  assert((await contentOf(other.read(it.id))).equals(it.content))
  assert.deepEqual(await assertSound(it.to), NO_LEFTOVERS)
})

test('the next caller waits for a transfer that is closing', async () => {
  await using it = await pair(500_000)
  const one = await it.to.receive(it.id, 500_000)
  await send(it.from, one, { start: 0, end: 250_000 })
  const [, two] = await Promise.all([one.abort(), it.to.receive(it.id, 500_000)])
  assert((two.missing()[0] as ByteRange).start >= 250_000)
  await sendMissing(it.from, two)
  const [, three] = await Promise.all([two.finish(), it.to.receive(it.id, 500_000)])
  assert.deepEqual(three.missing(), [])
})

test('a sender may reuse its buffer once its bytes are accepted', async () => {
  await using it = await pair(12 << 20)
  const incoming = await it.to.receive(it.id, 12 << 20)
  const sink = incoming.decoder({ start: 0, end: 12 << 20 })
  const buffer = Buffer.alloc(1 << 20)
  for await (const chunk of it.from.encode(it.id, { start: 0, end: 12 << 20 })) {
    buffer.set(chunk)
    await sink.write(buffer.subarray(0, chunk.length))
    buffer.fill(0xee)
  }
  sink.end()
  await sink.drained()
  await incoming.finish()
  assert.equal(blake3Of(await contentOf(it.to.read(it.id))), it.id)
})

test('a partial blob has the final format with gaps, with its outboard in pre-order', async () => {
  await using it = await pair(10 * GROUP)
  const incoming = await it.to.receive(it.id, 10 * GROUP)
  for (const group of [9, 4, 0, 7, 2, 1, 8, 3, 6, 5])
    await send(it.from, incoming, { start: group * GROUP, end: (group + 1) * GROUP })
  await incoming.finish()
  const outboard = await contentOf(createReadStream(`${it.to.path(it.id)}.outboard`))
  assert(outboard.equals(referenceOutboard(it.content, GROUP)))
})
