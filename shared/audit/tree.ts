/**
 * The Merkle tree of RFC 6962 section 2.1 over SHA-256. Leaves and nodes are hashed with different
 * prefixes, so that one can't pass as the other. Positions are (level, index): leaves are at level
 * 0, and a node of level l covers 2^l of them.
 */
import { requireDefined } from '../require-defined.ts'
import { hash } from 'node:crypto'

export const HASH_BYTES = 32
/** The maximum number of hashes in a path, because sizes are below 2^53. */
export const MAX_LEVELS = 53

/** The root of the empty tree: the hash of the empty string. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array())

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

/** Returns the hash of an entry: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  const prefixed = Buffer.allocUnsafe(entry.length + 1)
  prefixed[0] = 0
  prefixed.set(entry, 1)
  return sha256(prefixed)
}

// Owned by nodeHash, which doesn't await between filling and hashing it.
const pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** Returns the hash of an inner node: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1)
  pair.set(right, 1 + HASH_BYTES)
  return sha256(pair)
}

/** Returns the nodes over pairs of adjacent hashes. A last hash without a partner has no node. */
export function nodesAbove(hashes: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = []
  let left: Uint8Array | undefined
  for (const hash of hashes) {
    if (left !== undefined) above.push(nodeHash(left, hash))
    left = left === undefined ? hash : undefined
  }
  return above
}

/** Returns the root of 2^n adjacent hashes. */
export function perfectRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes
  while (level.length > 1) level = nodesAbove(level)
  return requireDefined(level[0], 'a perfect tree has a leaf')
}

export interface Node {
  readonly level: number
  readonly index: number
}

/** Returns the largest power of two below `size`, which must be at least 2. */
export function split(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}

/**
 * Returns the perfect subtrees that cover leaves `start` (inclusive) to `end` (exclusive), from
 * left to right, the widest first. `start` must be a multiple of the widest one, which holds for
 * every range in a proof.
 */
export function subtrees(start: number, end: number): Node[] {
  const nodes: Node[] = []
  let level = 0
  while (2 ** (level + 1) <= end - start) level += 1
  for (let at = start; at < end; level -= 1) {
    const width = 2 ** level
    if (end - at < width) continue
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

/** Returns the hash of a range from the hashes of its {@link subtrees}. */
export function joinSubtrees(hashes: readonly Uint8Array[]): Uint8Array {
  return hashes.length === 0
    ? EMPTY_ROOT
    : hashes.reduceRight((right, left) => nodeHash(left, right))
}

/**
 * A growing tree as the roots of its perfect subtrees. They are enough to append to the tree and to
 * compute its root. {@link append} changes it in place.
 */
export interface Frontier {
  size: number
  /** One hash for each 1 bit of `size`, the widest subtree first. */
  readonly hashes: Uint8Array[]
}

export function emptyFrontier(): Frontier {
  return { size: 0, hashes: [] }
}

/** Adds one leaf by its hash. */
export function append(frontier: Frontier, leaf: Uint8Array): void {
  let node = leaf
  // Each trailing 1 bit of the old size is a subtree as wide as the new node, so both are joined.
  for (let size = frontier.size; size % 2 === 1; size = (size - 1) / 2)
    node = nodeHash(requireDefined(frontier.hashes.pop(), 'each 1 bit has a subtree'), node)
  frontier.hashes.push(node)
  frontier.size += 1
}

export function frontierRoot(frontier: Frontier): Uint8Array {
  return joinSubtrees(frontier.hashes)
}

/** Returns the concatenated hashes, as the head row stores them. */
export function packFrontier(frontier: Frontier): Uint8Array {
  return Buffer.concat(frontier.hashes)
}

/**
 * Reverses {@link packFrontier}. Returns undefined if the bytes can't belong to a tree of that
 * size.
 */
export function unpackFrontier(size: number, bytes: Uint8Array): Frontier | undefined {
  if (bytes.length !== subtrees(0, size).length * HASH_BYTES) return undefined
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += HASH_BYTES)
    hashes.push(bytes.slice(at, at + HASH_BYTES))
  return { size, hashes }
}

export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
