/**
 * Verifies the items of an encoding, in order, against the root hash. A parent must match its
 * expected chaining value, and it contains the expected values of its two children. A group must
 * match the value from its parent. Every accepted item is part of the content.
 */
import {
  CHUNK_BYTES,
  groupCount,
  groupLength,
  type GroupRange,
  HASH_BYTES,
  PARENT_BYTES,
  Walk,
} from './geometry.ts'
import type { Kernel } from './kernel.ts'
import { OUTPUT_AT } from './memory.ts'

const HASH_WORDS = HASH_BYTES / 4

export interface Shape {
  /** The unproven size of the content. A wrong size fails at the last group. */
  readonly size: number
  /** The groups in the encoding. */
  readonly range: GroupRange
  readonly groupBytes: number
}

export class Verifier {
  /** The current item, once `next` has returned true. */
  readonly walk: Walk
  readonly #kernel: Kernel
  readonly #shape: Shape
  // The stack of expected chaining values for the nodes that the walk has not visited yet.
  readonly #expected: Uint32Array
  #depth = 0

  constructor(kernel: Kernel, root: Uint8Array, shape: Shape) {
    const groups = groupCount(shape.size, shape.groupBytes)
    this.#kernel = kernel
    this.#shape = shape
    this.walk = new Walk(groups, shape.range)
    // A path from the root has at most one open right sibling for each level, and the node itself.
    this.#expected = new Uint32Array((Math.ceil(Math.log2(groups)) + 2) * HASH_WORDS)
    new Uint8Array(this.#expected.buffer).set(root)
    this.#depth = 1
  }

  /**
   * Goes to the next item. Returns false at the end. Every item must be checked before the next.
   */
  next(): boolean {
    return this.walk.next()
  }

  /** The size of the current item. */
  get length(): number {
    return this.walk.parent
      ? PARENT_BYTES
      : groupLength(this.walk.start, this.#shape.size, this.#shape.groupBytes)
  }

  /**
   * Returns whether the current item, at `at` in the kernel's memory, is correct. After false, the
   * verifier can't be used any more.
   */
  check(at: number): boolean {
    const { parent, root, start, left, right } = this.walk
    const kernel = this.#kernel
    const flag = root ? 1 : 0
    if (parent) kernel.parent(at, flag, OUTPUT_AT)
    else
      kernel.subtree(
        at,
        this.length,
        start * (this.#shape.groupBytes / CHUNK_BYTES),
        flag,
        OUTPUT_AT,
      )
    this.#depth -= 1
    const base = this.#depth * HASH_WORDS
    for (let i = 0; i < HASH_WORDS; i += 1) {
      if (kernel.words[OUTPUT_AT / 4 + i] !== this.#expected[base + i]) return false
    }
    if (parent && right) this.#expect(at + HASH_BYTES)
    if (parent && left) this.#expect(at)
    return true
  }

  #expect(at: number): void {
    const base = this.#depth * HASH_WORDS
    for (let i = 0; i < HASH_WORDS; i += 1)
      this.#expected[base + i] = this.#kernel.words[at / 4 + i] as number
    this.#depth += 1
  }
}
