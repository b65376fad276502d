/**
 * The arithmetic of the BLAKE3 tree: chunks of 1 KiB, chunk groups, and the pre-order walk that
 * every encoding follows. The left subtree of a node of n groups has the largest power of two below
 * n (BLAKE3 paper, section 2.1). Sizes are numbers: exact up to 2^53, far above {@link
 * MAX_BLOB_BYTES}.
 */

export const CHUNK_BYTES = 1024
/**
 * The size of Muster's chunk group: 16 chunks, as in iroh and bao-tree. One hash pair for 32 KiB of
 * content is an overhead of 0.2 %.
 */
export const GROUP_BYTES = 16 * CHUNK_BYTES
/** The size of a parent node: the chaining values of its two children. */
export const PARENT_BYTES = 64
/**
 * The size of the header of every encoding: the content's length as a little-endian 64-bit number.
 */
export const HEADER_BYTES = 8
export const HASH_BYTES = 32
/**
 * The size limit of blobs. Building the tree of a blob takes 1/170 of its size in memory. So the
 * size that a peer sends is checked against this limit first.
 */
export const MAX_BLOB_BYTES = 256 * 1024 ** 3

/** Bytes from `start` (inclusive) to `end` (exclusive). */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Groups from `first` (inclusive) to `end` (exclusive). */
export interface GroupRange {
  readonly first: number
  readonly end: number
}

/** Returns the number of groups of `size` bytes. The empty content is one empty group. */
export function groupCount(size: number, groupBytes: number = GROUP_BYTES): number {
  return Math.max(1, Math.ceil(size / groupBytes))
}

/**
 * Returns the groups that contain bytes of a range. For an empty range, returns the group at its
 * start, or the last group if the start is at or past the end (bao, "seeking").
 */
export function groupsOf(
  range: ByteRange,
  size: number,
  groupBytes: number = GROUP_BYTES,
): GroupRange {
  const count = groupCount(size, groupBytes)
  const first = Math.min(Math.floor(range.start / groupBytes), count - 1)
  const end = Math.min(Math.max(first + 1, Math.ceil(range.end / groupBytes)), count)
  return { first, end }
}

/** Returns the length of a group in a content of `size` bytes. The last group may be short. */
export function groupLength(group: number, size: number, groupBytes: number = GROUP_BYTES): number {
  return Math.min(groupBytes, size - group * groupBytes)
}

/**
 * Returns the number of groups in the left subtree of a node of `count` ≥ 2 groups: the largest
 * power of two below `count`.
 */
export function leftGroups(count: number): number {
  return 2 ** (31 - Math.clz32(count - 1))
}

/**
 * Returns the size of the outboard (header and parents in pre-order) of a content of `size` bytes.
 */
export function outboardSize(size: number, groupBytes: number = GROUP_BYTES): number {
  return HEADER_BYTES + (groupCount(size, groupBytes) - 1) * PARENT_BYTES
}

/**
 * Walks the nodes of a tree that contain groups of a range, in pre-order: the order of every bao
 * encoding. Stores at most one path.
 */
export class Walk {
  /** The current node: a parent or a group. */
  parent = false
  /** Its first group and its number of groups. */
  start = 0
  count = 0
  /** True for the root node, which is hashed with the root flag. */
  root = false
  /** A parent's place among all parents of the tree in pre-order. */
  index = 0
  /** Whether the walk will visit a parent's left and right child. */
  left = false
  right = false

  readonly #groups: number
  readonly #range: GroupRange
  // The nodes to visit, as triples of start, count and index. There are at most two triples for
  // each level.
  readonly #stack: number[]

  constructor(groups: number, range: GroupRange = { first: 0, end: groups }) {
    this.#groups = groups
    this.#range = range
    this.#stack = [0, groups, 0]
  }

  /** Goes to the next node. Returns false at the end. */
  next(): boolean {
    const stack = this.#stack
    if (stack.length === 0) return false
    const index = stack.pop() ?? 0
    const count = stack.pop() ?? 0
    const start = stack.pop() ?? 0
    this.start = start
    this.count = count
    this.index = index
    this.root = count === this.#groups
    this.parent = count > 1
    if (!this.parent) return true
    const left = leftGroups(count)
    this.left = this.#range.first < start + left
    this.right = this.#range.end > start + left
    // A subtree of k groups has k - 1 parents, so the right child's place is k - 1 after the left
    // child's.
    if (this.right) stack.push(start + left, count - left, index + left)
    if (this.left) stack.push(start, left, index + 1)
    return true
  }
}

/**
 * Returns the size of the combined encoding of the groups of `range`: header, parents on the path,
 * content.
 */
export function encodedSize(
  size: number,
  range: GroupRange,
  groupBytes: number = GROUP_BYTES,
): number {
  const parents = parentsOver(groupCount(size, groupBytes), range)
  const content = Math.min(range.end * groupBytes, size) - range.first * groupBytes
  return HEADER_BYTES + parents * PARENT_BYTES + content
}

function parentsOver(count: number, range: GroupRange): number {
  if (count <= 1 || range.first >= count || range.end <= 0) return 0
  if (range.first <= 0 && range.end >= count) return count - 1
  const left = leftGroups(count)
  return (
    1 +
    parentsOver(left, range) +
    parentsOver(count - left, { first: range.first - left, end: range.end - left })
  )
}
