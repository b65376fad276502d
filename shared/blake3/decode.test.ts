/**
 * Tests a decoder with input of a malicious or broken sender. It emits only verified bytes, and the
 * error is at the first false byte.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MusterError } from '../errors.ts'
import { decoded, type Encodable, encodable, encoded, someBytes } from '../testing/bao.ts'
import { Decoder } from './decode.ts'
import { blake3Error } from './errors.ts'
import {
  encodedSize,
  GROUP_BYTES,
  groupCount,
  HEADER_BYTES,
  PARENT_BYTES,
  Walk,
} from './geometry.ts'
import { SLOT_COUNT } from './memory.ts'
import { takeSlot } from './slot.ts'

const GROUPS = 11
const content = someBytes((GROUPS - 1) * GROUP_BYTES + 777)
const sample: Encodable = encodable(content)
const encoding = await encoded(sample)

const withHeader = (size: bigint, rest: Uint8Array): Buffer => {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(size)
  return Buffer.concat([header, rest])
}

/** Returns the offset of each item of the whole encoding. */
function itemsOf(): { at: number; length: number; parent: boolean; start: number }[] {
  const items = []
  const walk = new Walk(groupCount(content.length))
  for (let at = HEADER_BYTES; walk.next(); ) {
    const length = walk.parent
      ? PARENT_BYTES
      : Math.min(GROUP_BYTES, content.length - walk.start * GROUP_BYTES)
    items.push({ at, length, parent: walk.parent, start: walk.start })
    at += length
  }
  return items
}

test('BT-01: a flipped bit stops the decoder; only earlier data is emitted', () => {
  for (const { at, length, parent, start } of itemsOf()) {
    for (const place of [at, at + Math.floor(length / 2), at + length - 1]) {
      const bad = Buffer.from(encoding)
      bad[place] = (bad[place] as number) ^ 0x10
      const result = decoded({ root: sample.root, size: content.length }, bad, 5000)
      assert(blake3Error.is(result.error, 'blake3.altered'), `bit in byte ${place}`)
      assert.deepEqual((result.error as MusterError).data, {
        part: parent ? 'a tree node' : 'the content',
        offset: at,
      })
      assert(
        result.content.equals(content.subarray(0, start * GROUP_BYTES)),
        `bit in byte ${place}`,
      )
    }
  }
})

test('BT-01: rejects a wrong hash or an encoding of other content at the first item', () => {
  const result = decoded({ root: Buffer.alloc(32, 7), size: content.length }, encoding)
  assert(blake3Error.is(result.error, 'blake3.altered'))
  assert.equal(result.content.length + result.parents.size, 0)
})

test('BT-02: a header of length 0 is valid only for the hash of the empty content', async () => {
  const empty = await encoded(encodable(Buffer.alloc(0)))
  assert.equal(empty.length, HEADER_BYTES)
  assert.equal(decoded({ root: encodable(Buffer.alloc(0)).root }, empty).error, undefined)
  for (const root of [sample.root, Buffer.alloc(32)]) {
    const result = decoded({ root }, empty)
    assert(blake3Error.is(result.error, 'blake3.altered'))
    assert.equal(result.start, -1)
  }
})

test('BT-03: rejects a false length at the header or at the last group', () => {
  const size = BigInt(content.length)
  const rest = encoding.subarray(HEADER_BYTES)
  for (const claim of [
    size - 1n,
    size + 1n,
    size * 2n,
    0n,
    1n,
    2n ** 53n,
    2n ** 63n - 1n,
    2n ** 64n - 1n,
  ]) {
    const lie = withHeader(claim, rest)
    const known = decoded({ root: sample.root, size: content.length }, lie)
    assert(blake3Error.is(known.error, 'blake3.size'), `claim of ${claim}`)
    assert.equal(known.parents.size, 0)
    const unknown = decoded({ root: sample.root }, lie)
    assert(blake3Error.is(unknown.error), `claim of ${claim}`)
    assert(content.subarray(0, unknown.content.length).equals(unknown.content), `claim of ${claim}`)
    assert(unknown.content.length < content.length, `claim of ${claim}`)
  }
})

test('BT-03: a claimed length of 256 GiB causes no allocation', () => {
  const before = process.memoryUsage()
  const decoder = new Decoder({ root: sample.root }, () => assert.fail('nothing is verified'))
  decoder.write(withHeader(256n * 1024n ** 3n, new Uint8Array(0)))
  const after = process.memoryUsage()
  assert(after.external + after.heapUsed - before.external - before.heapUsed < 8 << 20)
  decoder.close()
})

test('BT-04: an encoding that ends early at any point is an error', () => {
  for (const length of [0, 1, 7, 8, 9, 71, 72, 400, encoding.length - 1]) {
    const result = decoded({ root: sample.root }, encoding.subarray(0, length), 1000)
    assert(blake3Error.is(result.error, 'blake3.truncated'), `${length} bytes`)
    assert.equal((result.error as MusterError).data['got'], length)
  }
})

test('BT-06 and BT-08: rejects bytes past the end, and keeps the content before them', () => {
  for (const extra of [1, 100_000]) {
    const result = decoded({ root: sample.root }, Buffer.concat([encoding, Buffer.alloc(extra)]))
    assert(blake3Error.is(result.error, 'blake3.trailing'))
    assert(result.content.equals(content))
  }
})

test('a decoder accepts no input after an error or after close', () => {
  const decoder = new Decoder({ root: sample.root }, (batch) => batch.release())
  assert.throws(() => decoder.write(withHeader(5n, Buffer.from('hello'))))
  assert.throws(
    () => decoder.write(encoding),
    (error) => blake3Error.is(error, 'blake3.altered'),
  )
  const closed = new Decoder({ root: sample.root }, (batch) => batch.release())
  closed.write(encoding.subarray(0, 100))
  closed.close()
  closed.close()
  assert.throws(
    () => closed.write(encoding.subarray(100)),
    (error) => blake3Error.is(error, 'blake3.truncated'),
  )
  assert.equal(closed.done, false)
})

test('rejects an encoding of another range', async () => {
  const wanted = { start: 3 * GROUP_BYTES, end: 5 * GROUP_BYTES }
  for (const sent of [
    { start: 0, end: 2 * GROUP_BYTES },
    { start: 4 * GROUP_BYTES, end: 6 * GROUP_BYTES },
    undefined,
  ]) {
    const result = decoded({ root: sample.root, range: wanted }, await encoded(sample, sent))
    assert(blake3Error.is(result.error))
    assert(result.content.length <= GROUP_BYTES * 2)
    if (result.start >= 0)
      assert(
        content.subarray(result.start, result.start + result.content.length).equals(result.content),
      )
  }
})

test('for any change of the bytes, emits only an unchanged prefix of the content', () => {
  const position = fc.nat(encoding.length - 1)
  const damage = fc.oneof(
    fc.record({
      kind: fc.constant('flip' as const),
      at: position,
      by: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({
      kind: fc.constant('cut' as const),
      at: position,
      by: fc.integer({ min: 1, max: 20_000 }),
    }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: position,
      by: fc.integer({ min: 1, max: 20_000 }),
    }),
  )
  fc.assert(
    fc.property(
      damage,
      fc.integer({ min: 1, max: 50_000 }),
      fc.boolean(),
      ({ kind, at, by }, piece, sizeKnown) => {
        const [head, tail] = [encoding.subarray(0, at), encoding.subarray(at)]
        const bad =
          kind === 'flip'
            ? Buffer.concat([head, Buffer.from([(encoding[at] as number) ^ by]), tail.subarray(1)])
            : Buffer.concat(
                kind === 'cut' ? [head, tail.subarray(by)] : [head, tail.subarray(0, by), tail],
              )
        const result = decoded(
          sizeKnown ? { root: sample.root, size: content.length } : { root: sample.root },
          bad,
          piece,
        )
        assert(blake3Error.is(result.error))
        assert(content.subarray(0, result.content.length).equals(result.content))
      },
    ),
    { numRuns: 150 },
  )
})

test('more decoders than kernel slots all decode, and every slot is returned', async () => {
  const range = { start: 0, end: content.length }
  assert.equal(encodedSize(content.length, { first: 0, end: GROUPS }), encoding.length)
  const gathered: Buffer[][] = []
  const decoders = Array.from({ length: SLOT_COUNT * 2 }, () => {
    const pieces: Buffer[] = []
    gathered.push(pieces)
    return new Decoder({ root: sample.root, range }, (batch) => {
      pieces.push(Buffer.from(batch.content))
      batch.release()
    })
  })
  for (let at = 0; at < encoding.length; at += 30_000) {
    for (const decoder of decoders) decoder.write(encoding.subarray(at, at + 30_000))
  }
  for (const [i, decoder] of decoders.entries()) {
    decoder.end()
    assert(Buffer.concat(gathered[i] as Buffer[]).equals(content))
  }
  const slots = Array.from({ length: SLOT_COUNT }, () => takeSlot())
  for (const slot of slots)
    assert.notEqual(slot.place(0, 0), takeSlot().place(0, 0), 'a slot of the kernel')
  for (const slot of slots) slot.release()
})
