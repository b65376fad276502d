/**
 * The BLAKE3 kernel in plain TypeScript. It runs everywhere, at about a third of the speed of the
 * WebAssembly kernel.
 */
import { compress } from './compress.ts'
import { CHUNK_BYTES, GROUP_BYTES, HASH_BYTES, PARENT_BYTES } from './geometry.ts'
import type { Kernel } from './kernel.ts'
import { BLOCK_AT, FOLD_AT, IV_AT, MEMORY_BYTES } from './memory.ts'

/** First words of SHA-256's initial vector (BLAKE3 paper, table 1). */
const IV = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]
/** Domain flags (BLAKE3 paper, table 3). */
const CHUNK_START = 1
const CHUNK_END = 2
const PARENT = 4
const ROOT = 8
const BLOCK_BYTES = 64
const GROUP_CHUNKS = GROUP_BYTES / CHUNK_BYTES

// oxlint-disable-next-line max-lines-per-function -- its functions share one memory
export function typescriptKernel(): Kernel {
  const memory = new ArrayBuffer(MEMORY_BYTES)
  const bytes = new Uint8Array(memory)
  const words = new Uint32Array(memory)
  const iv = IV_AT / 4
  words.set(IV, iv)

  function chunk(at: number, length: number, number: number, root: 0 | 1, out: number): void {
    const low = number >>> 0
    const high = Math.floor(number / 2 ** 32)
    const result = out / 4
    let cv = iv
    let flags = CHUNK_START
    let position = at
    let rest = length
    while (rest > BLOCK_BYTES) {
      compress(words, cv, position / 4, low, high, BLOCK_BYTES, flags, result)
      cv = result
      flags = 0
      position += BLOCK_BYTES
      rest -= BLOCK_BYTES
    }
    if (rest < BLOCK_BYTES) {
      bytes.fill(0, BLOCK_AT, BLOCK_AT + BLOCK_BYTES)
      bytes.copyWithin(BLOCK_AT, position, position + rest)
      position = BLOCK_AT
    }
    compress(words, cv, position / 4, low, high, rest, flags | CHUNK_END | (root * ROOT), result)
  }

  function parent(at: number, root: 0 | 1, out: number): void {
    compress(words, iv, at / 4, 0, 0, BLOCK_BYTES, PARENT | (root * ROOT), out / 4)
  }

  /**
   * Folds `count` chaining values at `at` by one level into `out`, which may be `at`. An odd one
   * moves up. Returns how many remain.
   */
  function level(at: number, count: number, out: number): number {
    const pairs = count >> 1
    for (let i = 0; i < pairs; i += 1) parent(at + i * PARENT_BYTES, 0, out + i * HASH_BYTES)
    if (count & 1)
      bytes.copyWithin(
        out + pairs * HASH_BYTES,
        at + pairs * PARENT_BYTES,
        at + pairs * PARENT_BYTES + HASH_BYTES,
      )
    return (count + 1) >> 1
  }

  function subtree(at: number, length: number, first: number, root: 0 | 1, out: number): void {
    if (length <= CHUNK_BYTES) {
      chunk(at, length, first, root, out)
      return
    }
    let count = Math.ceil(length / CHUNK_BYTES)
    for (let i = 0; i < count; i += 1) {
      chunk(
        at + i * CHUNK_BYTES,
        Math.min(CHUNK_BYTES, length - i * CHUNK_BYTES),
        first + i,
        0,
        FOLD_AT + i * HASH_BYTES,
      )
    }
    while (count > 2) count = level(FOLD_AT, count, FOLD_AT)
    parent(FOLD_AT, root, out)
  }

  function groups(at: number, count: number, first: number, out: number): void {
    for (let i = 0; i < count; i += 1)
      subtree(at + i * GROUP_BYTES, GROUP_BYTES, first + i * GROUP_CHUNKS, 0, out + i * HASH_BYTES)
  }

  return { name: 'typescript', bytes, words, subtree, groups, parent }
}
