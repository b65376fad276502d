/**
 * Implements BLAKE3 directly from the paper, for tests. It is recursive and slow, and shares no
 * code with the kernels. Tests compare the kernels with it, and it with the official vectors.
 */
import { leftGroups } from '../blake3/geometry.ts'

const IV = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const COLUMNS_THEN_DIAGONALS = ['048c', '159d', '26ae', '37bf', '05af', '16bc', '278d', '349e'].map(
  (q) => [...q].map((c) => Number.parseInt(c, 16)),
)
const [CHUNK_START, CHUNK_END, PARENT, ROOT] = [1, 2, 4, 8] as const

/**
 * Computes the chaining value of the subtree over `content`, whose first chunk has number `chunk`.
 * For the root, computes the hash.
 */
export function referenceSubtree(content: Uint8Array, chunk: number, root: boolean): Uint8Array {
  const flag = root ? ROOT : 0
  if (content.length <= 1024) {
    let cv = IV
    const blocks = Math.max(1, Math.ceil(content.length / 64))
    for (let block = 0; block < blocks; block += 1) {
      const bytes = content.subarray(block * 64, block * 64 + 64)
      const flags = (block === 0 ? CHUNK_START : 0) | (block === blocks - 1 ? CHUNK_END | flag : 0)
      cv = compress(cv, wordsOf(bytes), chunk, bytes.length, flags)
    }
    return bytesOf(cv)
  }
  const left = leftGroups(Math.ceil(content.length / 1024))
  const children = [
    referenceSubtree(content.subarray(0, left * 1024), chunk, false),
    referenceSubtree(content.subarray(left * 1024), chunk + left, false),
  ]
  return referenceParent(Buffer.concat(children), root)
}

/** Computes the chaining value of a parent node of 64 bytes. */
export function referenceParent(node: Uint8Array, root: boolean): Uint8Array {
  return bytesOf(compress(IV, wordsOf(node), 0, 64, PARENT | (root ? ROOT : 0)))
}

function compress(
  cv: number[],
  block: number[],
  counter: number,
  length: number,
  flags: number,
): number[] {
  const v = [
    ...cv,
    ...IV.slice(0, 4),
    counter % 2 ** 32,
    Math.floor(counter / 2 ** 32),
    length,
    flags,
  ]
  const at = (i: number): number => v[i] as number
  let m = block
  for (let round = 0; round < 7; round += 1) {
    for (const [i, quarter] of COLUMNS_THEN_DIAGONALS.entries()) {
      const [a, b, c, d] = quarter as [number, number, number, number]
      v[a] = (at(a) + at(b) + (m[2 * i] as number)) >>> 0
      v[d] = rotate(at(d) ^ at(a), 16)
      v[c] = (at(c) + at(d)) >>> 0
      v[b] = rotate(at(b) ^ at(c), 12)
      v[a] = (at(a) + at(b) + (m[2 * i + 1] as number)) >>> 0
      v[d] = rotate(at(d) ^ at(a), 8)
      v[c] = (at(c) + at(d)) >>> 0
      v[b] = rotate(at(b) ^ at(c), 7)
    }
    m = PERMUTATION.map((from) => m[from] as number)
  }
  return IV.map((_, i) => (at(i) ^ at(i + 8)) >>> 0)
}

function rotate(word: number, by: number): number {
  return ((word >>> by) | (word << (32 - by))) >>> 0
}

function wordsOf(bytes: Uint8Array): number[] {
  const block = Buffer.alloc(64)
  block.set(bytes)
  return IV.concat(IV).map((_, i) => block.readUInt32LE(4 * i))
}

function bytesOf(words: number[]): Uint8Array {
  const bytes = Buffer.alloc(32)
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 4 * i)
  return bytes
}
