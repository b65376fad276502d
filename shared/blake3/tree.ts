/**
 * Builds the BLAKE3 tree of a streamed content. Keeps the chaining value of each group (1/512 of
 * the content), and computes the hash and the outboard at the end, when the length and thus the
 * shape of the tree is known.
 */
import { requireDefined } from '../require-defined.ts'
import {
  CHUNK_BYTES,
  GROUP_BYTES,
  groupCount,
  HASH_BYTES,
  HEADER_BYTES,
  leftGroups,
  outboardSize,
  PARENT_BYTES,
} from './geometry.ts'
import type { Kernel } from './kernel.ts'
import { BATCH_GROUPS, INPUT_AT, OUTPUT_AT, outputAt } from './memory.ts'

/**
 * The number of chaining values in a segment of 64 KiB. New segments are added, so that growth
 * never copies values.
 */
const SEGMENT = 2048

export class Tree {
  readonly #kernel: Kernel
  readonly #segments: Uint8Array[] = []
  #groups = 0
  #size = 0

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** The number of bytes added so far. */
  get size(): number {
    return this.#size
  }

  /**
   * Adds the content's next `length` ≤ 1 MiB bytes, at `at` in the kernel's memory. All batches
   * except the last must be whole groups. A content of one group is hashed as the root, so it must
   * be one last batch.
   */
  add(at: number, length: number, last: boolean): void {
    const { bytes, groups, subtree } = this.#kernel
    const chunk = this.#size / CHUNK_BYTES
    const whole = Math.floor(length / GROUP_BYTES)
    const rest = length % GROUP_BYTES
    this.#size += length
    if (last && this.#groups === 0 && length <= GROUP_BYTES) {
      subtree(at, length, 0, 1, OUTPUT_AT)
      this.#keep(bytes.subarray(OUTPUT_AT, outputAt(1)))
      return
    }
    if (!last && rest !== 0) throw new Error('a batch that is not the last must hold whole groups')
    for (let group = 0; group < whole; group += BATCH_GROUPS) {
      const count = Math.min(BATCH_GROUPS, whole - group)
      groups(
        at + group * GROUP_BYTES,
        count,
        chunk + group * (GROUP_BYTES / CHUNK_BYTES),
        OUTPUT_AT,
      )
      for (let i = 0; i < count; i += 1) this.#keep(bytes.subarray(outputAt(i), outputAt(i + 1)))
    }
    if (rest > 0) {
      subtree(
        at + whole * GROUP_BYTES,
        rest,
        chunk + whole * (GROUP_BYTES / CHUNK_BYTES),
        0,
        OUTPUT_AT,
      )
      this.#keep(bytes.subarray(OUTPUT_AT, outputAt(1)))
    }
  }

  /**
   * Returns the hash (32 bytes) and the outboard: the header, then every parent in pre-order. Call
   * it once, after the last batch.
   */
  finish(): { root: Uint8Array; outboard: Uint8Array } {
    const outboard = Buffer.alloc(outboardSize(this.#size))
    outboard.writeBigUInt64LE(BigInt(this.#size))
    const root = new Uint8Array(HASH_BYTES)
    this.#fold(0, groupCount(this.#size), 0, outboard, root, 0)
    return { root, outboard }
  }

  #keep(cv: Uint8Array): void {
    const place = this.#groups % SEGMENT
    if (place === 0) this.#segments.push(new Uint8Array(SEGMENT * HASH_BYTES))
    this.#segments.at(-1)?.set(cv, place * HASH_BYTES)
    this.#groups += 1
  }

  #segmentOf(group: number): Uint8Array {
    return requireDefined(this.#segments[Math.floor(group / SEGMENT)], 'the group was added')
  }

  /**
   * Writes the chaining value of the node of `count` groups from `start` to `into`, and its parents
   * to the outboard, starting at place `index`.
   */
  #fold(
    start: number,
    count: number,
    index: number,
    outboard: Uint8Array,
    into: Uint8Array,
    offset: number,
  ): void {
    if (count === 1) {
      const place = (start % SEGMENT) * HASH_BYTES
      into.set(this.#segmentOf(start).subarray(place, place + HASH_BYTES), offset)
      return
    }
    const left = leftGroups(count)
    const node = HEADER_BYTES + index * PARENT_BYTES
    this.#fold(start, left, index + 1, outboard, outboard, node)
    this.#fold(start + left, count - left, index + left, outboard, outboard, node + HASH_BYTES)
    const { bytes, parent } = this.#kernel
    bytes.set(outboard.subarray(node, node + PARENT_BYTES), INPUT_AT)
    parent(INPUT_AT, index === 0 ? 1 : 0, OUTPUT_AT)
    into.set(bytes.subarray(OUTPUT_AT, outputAt(1)), offset)
  }
}
