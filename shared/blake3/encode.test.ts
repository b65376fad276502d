/**
 * Compares encodings and outboards with bao's official vectors, and the tree builder with the
 * reference implementation.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { decoded, encodable, encoded, referenceOutboard, someBytes } from '../testing/bao.ts'
import { blake3Error } from './errors.ts'
import { CHUNK_BYTES, GROUP_BYTES, HEADER_BYTES, PARENT_BYTES, Walk } from './geometry.ts'
import { blake3Of } from './hash.ts'
import { kernel } from './kernel.ts'
import { BATCH_BYTES } from './memory.ts'
import { takeSlot } from './slot.ts'
import { Tree } from './tree.ts'

interface Encoding {
  length: number
  blake3: string
  corruptions: number[]
}
interface EncodingCase {
  length: number
  hash: string
  combined: Encoding
  outboard: Encoding & { contentCorruptions: number[] }
}
interface SliceCase {
  content: number
  hash: string
  start: number
  length: number
  encoded: number
  blake3: string
  corruptions: number[]
}
const load = <T>(name: string): T[] => {
  const path = join(import.meta.dirname, '../../fixtures/vectors/bao', name)
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: T[] }).cases
}

/** The input of bao's vectors: 1, 2, 3, … as little-endian 32-bit integers. */
function baoInput(length: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4)
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i / 4 + 1, i)
  return bytes.subarray(0, length)
}

const flipped = (bytes: Uint8Array, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

test('BT-14: encodings and outboards equal the bao vectors; detects any corruption', async () => {
  const cases = load<EncodingCase>('encodings.json')
  assert.equal(cases.length, 13)
  for (const { length, hash, combined, outboard } of cases) {
    const content = baoInput(length)
    const whole = encodable(content, CHUNK_BYTES)
    assert.equal(whole.root.toString(), Buffer.from(hash, 'hex').toString())
    assert.equal(whole.outboard.length, outboard.length)
    assert.equal(blake3Of(whole.outboard), outboard.blake3, `outboard of ${length} bytes`)
    const encoding = await encoded(whole)
    assert.equal(encoding.length, combined.length)
    assert.equal(blake3Of(encoding), combined.blake3, `encoding of ${length} bytes`)

    const options = { root: whole.root, groupBytes: CHUNK_BYTES }
    assert.deepEqual(decoded(options, encoding).content, content)
    for (const at of combined.corruptions) {
      assert(
        blake3Error.is(decoded(options, flipped(encoding, at)).error),
        `${length} bytes, flipped at ${at}`,
      )
    }
    for (const at of outboard.corruptions)
      await assert.rejects(encoded({ ...whole, outboard: flipped(whole.outboard, at) }))
    for (const at of outboard.contentCorruptions)
      await assert.rejects(encoded({ ...whole, content: flipped(content, at) }))
  }
})

test('BT-14: slices equal the bao vectors; detects any corruption', async () => {
  const cases = load<SliceCase>('slices.json')
  assert.equal(cases.length, 222)
  for (const {
    content: length,
    hash,
    start,
    length: count,
    encoded: size,
    blake3,
    corruptions,
  } of cases) {
    const whole = encodable(baoInput(length), CHUNK_BYTES)
    const range = { start, end: start + count }
    const slice = await encoded(whole, range)
    const title = `bytes ${start} to ${start + count} of ${length}`
    assert.equal(slice.length, size, title)
    assert.equal(blake3Of(slice), blake3, title)
    const options = { root: Buffer.from(hash, 'hex'), groupBytes: CHUNK_BYTES, range }
    assert.equal(decoded(options, slice).error, undefined, title)
    for (const at of corruptions)
      assert(
        blake3Error.is(decoded(options, flipped(slice, at)).error),
        `${title}, flipped at ${at}`,
      )
  }
})

test('BT-14: the tree of 16 KiB groups is the top of the tree of 1 KiB groups', () => {
  for (const length of [16385, 32768, 100_000, 16384 * 9 + 5]) {
    const content = someBytes(length)
    const [fine, coarse] = [
      referenceOutboard(content, CHUNK_BYTES),
      referenceOutboard(content, GROUP_BYTES),
    ]
    const expected = [fine.subarray(0, HEADER_BYTES)]
    const walk = new Walk(Math.ceil(length / CHUNK_BYTES))
    for (let at = HEADER_BYTES; walk.next(); ) {
      if (!walk.parent) continue
      // A node over more than one group of 16 chunks is also a parent in the coarse tree.
      if (walk.count > 16) expected.push(fine.subarray(at, at + PARENT_BYTES))
      at += PARENT_BYTES
    }
    assert.deepEqual(coarse, Buffer.concat(expected), `${length} bytes`)
  }
})

/** Feeds a tree builder as an ingest does, in batches of 1 MiB. */
function build(content: Uint8Array): { root: Buffer; outboard: Buffer } {
  const tree = new Tree(kernel())
  const slot = takeSlot()
  for (let at = 0, last = false; !last; at += BATCH_BYTES) {
    const batch = content.subarray(at, at + BATCH_BYTES)
    last = batch.length < BATCH_BYTES
    slot.bytes.set(batch)
    tree.add(slot.place(0, batch.length), batch.length, last)
  }
  slot.release()
  assert.equal(tree.size, content.length)
  const { root, outboard } = tree.finish()
  return { root: Buffer.from(root), outboard: Buffer.from(outboard) }
}

test('the tree builder computes the hash and the outboard of any length', () => {
  const lengths = [
    0,
    1,
    1024,
    16383,
    16384,
    16385,
    32768,
    49152,
    81920,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    (1 << 20) + 16384,
  ]
  for (const length of lengths) {
    const content = someBytes(length, 5)
    const { root, outboard } = build(content)
    assert.equal(root.toString('hex'), blake3Of(content), `${length} bytes`)
    assert(outboard.equals(referenceOutboard(content, GROUP_BYTES)), `outboard of ${length} bytes`)
  }
})

test('BT-14: encodes and decodes 64 MiB with the tree builder’s outboard', async () => {
  const content = someBytes(64 << 20)
  const { root, outboard } = build(content)
  assert.equal(root.toString('hex'), blake3Of(content))
  const encoding = await encoded({ content, outboard, root, groupBytes: GROUP_BYTES })
  const result = decoded({ root, size: content.length }, encoding, 1 << 20)
  assert.equal(result.error, undefined)
  assert(result.content.equals(content))
  const parents = [...result.parents].sort(([a], [b]) => a - b).map(([, bytes]) => bytes)
  assert(Buffer.concat(parents).equals(outboard.subarray(HEADER_BYTES)))
})

test('encodes and decodes any range of any content in any pieces', async () => {
  const groupSizes = fc.constantFrom(CHUNK_BYTES, GROUP_BYTES)
  await fc.assert(
    fc.asyncProperty(
      groupSizes,
      fc.nat(120_000),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 40_000 }),
      async (groupBytes, length, a, b, piece) => {
        const whole = encodable(someBytes(length), groupBytes)
        const start = length === 0 ? 0 : a % length
        const range = { start, end: start + (b % (length - start + 1)) }
        const result = decoded(
          { root: whole.root, size: length, range, groupBytes },
          await encoded(whole, range),
          piece,
        )
        assert.equal(result.error, undefined)
        const first = Math.floor(start / groupBytes) * groupBytes
        const end = Math.min(
          Math.max(Math.ceil(range.end / groupBytes) * groupBytes, first + groupBytes),
          length,
        )
        assert.equal(result.start, first)
        assert(result.content.equals(whole.content.subarray(first, end)))
        for (const [index, bytes] of result.parents) {
          const at = HEADER_BYTES + index * PARENT_BYTES
          assert(bytes.equals(whole.outboard.subarray(at, at + PARENT_BYTES)))
        }
      },
    ),
    { numRuns: 60 },
  )
})
