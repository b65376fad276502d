/**
 * Makes inclusion and consistency proofs from any reader of tree nodes, and verifies them with
 * hashes only. Verification follows RFC 9162 sections 2.1.3.2 and 2.1.4.2. A proof with missing or
 * extra hashes, or of another tree, is rejected.
 */
import { auditError } from './errors.ts'
import {
  EMPTY_ROOT,
  HASH_BYTES,
  joinSubtrees,
  type Node,
  nodeHash,
  sameHash,
  split,
  subtrees,
} from './tree.ts'

/** Reads the hashes of complete nodes. */
export type NodeReader = (nodes: readonly Node[]) => Promise<Uint8Array[]>

export interface InclusionProof {
  readonly index: number
  readonly size: number
  /** From the leaf's sibling upwards (RFC 6962 section 2.1.1). */
  readonly hashes: readonly Uint8Array[]
}

export interface ConsistencyProof {
  readonly from: number
  readonly to: number
  /** RFC 6962 section 2.1.2. */
  readonly hashes: readonly Uint8Array[]
}

type Range = readonly [start: number, end: number]

/** Proves that entry `index` is in the tree of the first `size` entries. @throws audit.range */
export async function proveInclusion(
  index: number,
  size: number,
  read: NodeReader,
): Promise<InclusionProof> {
  requireCount('entry', index, size - 1)
  const ranges: Range[] = []
  // PATH(m, D[start, end)), from the root down.
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + split(end - start)
    if (index < middle) {
      ranges.push([middle, end])
      end = middle
    } else {
      ranges.push([start, middle])
      start = middle
    }
  }
  return { index, size, hashes: await readRanges(ranges.reverse(), read) }
}

/**
 * Proves that the first `from` entries of the tree of `to` entries are the tree of `from` entries.
 * @throws audit.range
 */
export async function proveConsistency(
  from: number,
  to: number,
  read: NodeReader,
): Promise<ConsistencyProof> {
  requireCount('size', to, Number.MAX_SAFE_INTEGER)
  requireCount('size', from, to)
  if (from === 0 || from === to) return { from, to, hashes: [] }
  const ranges: Range[] = []
  // SUBPROOF(m, D[start, end), b), from the root down; b is true while the range begins at 0.
  let [start, end] = [0, to]
  while (from !== end) {
    const middle = start + split(end - start)
    if (from <= middle) {
      ranges.push([middle, end])
      end = middle
    } else {
      ranges.push([start, middle])
      start = middle
    }
  }
  if (start !== 0) ranges.push([start, end])
  return { from, to, hashes: await readRanges(ranges.reverse(), read) }
}

async function readRanges(ranges: readonly Range[], read: NodeReader): Promise<Uint8Array[]> {
  const nodes = ranges.map(([start, end]) => subtrees(start, end))
  const hashes = await read(nodes.flat())
  let at = 0
  return nodes.map((range) => {
    const part = hashes.slice(at, at + range.length)
    at += range.length
    return joinSubtrees(part)
  })
}

function requireCount(what: string, got: number, limit: number): void {
  if (!Number.isSafeInteger(got) || got < 0 || got > limit)
    throw auditError('audit.range', { what, got, limit })
}

/**
 * Verifies that the entry with hash `leaf` is entry `index` of the log of `size` entries with this
 * root.
 * @throws audit.proof
 */
export function verifyInclusion(proof: InclusionProof, leaf: Uint8Array, root: Uint8Array): void {
  const { index, size, hashes } = proof
  const bad = (reason: string): Error => auditError('audit.proof', { what: 'inclusion', reason })
  if (!isCount(index) || !isCount(size) || index >= size)
    throw bad(`entry ${index} is not in a log of ${size} entries`)
  requireHashes(hashes, [leaf, root], bad)
  let [fn, sn] = [index, size - 1]
  let node = leaf
  for (const sibling of hashes) {
    if (sn === 0) throw bad('it has too many hashes')
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(sibling, node)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = half(sn)
      }
    } else {
      node = nodeHash(node, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  if (sn !== 0) throw bad('it has too few hashes')
  if (!sameHash(node, root)) throw bad(`it leads to root ${hex(node)}, expected ${hex(root)}`)
}

/**
 * Verifies that the log of `to` entries with root `newRoot` begins with the log of `from` entries
 * with root `oldRoot`.
 * @throws audit.proof
 */
export function verifyConsistency(
  proof: ConsistencyProof,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
): void {
  const { from, to, hashes } = proof
  const bad = (reason: string): Error => auditError('audit.proof', { what: 'consistency', reason })
  if (!isCount(from) || !isCount(to) || from > to)
    throw bad(`a log of ${to} entries cannot contain one of ${from}`)
  requireHashes(hashes, [oldRoot, newRoot], bad)
  if (from === to || from === 0) {
    if (hashes.length > 0) throw bad('hashes were given where none are needed')
    const expected = from === 0 ? EMPTY_ROOT : newRoot
    if (!sameHash(oldRoot, expected))
      throw bad(`size ${from} has root ${hex(oldRoot)}, expected ${hex(expected)}`)
    if (to === 0 && !sameHash(newRoot, EMPTY_ROOT)) throw bad('an empty log has another root')
    return
  }
  // If the old tree is complete, it is a node of the new tree, and the path starts with its root.
  // Otherwise the path starts with the first hash.
  const [first, ...siblings] = isPowerOfTwo(from) ? [oldRoot, ...hashes] : hashes
  if (first === undefined || hashes.length === 0) throw bad('it has no hashes')
  let [fn, sn] = [from - 1, to - 1]
  while (fn % 2 === 1) {
    fn = half(fn)
    sn = half(sn)
  }
  let [old, fresh] = [first, first]
  for (const sibling of siblings) {
    if (sn === 0) throw bad('it has too many hashes')
    if (fn % 2 === 1 || fn === sn) {
      old = nodeHash(sibling, old)
      fresh = nodeHash(sibling, fresh)
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2
        sn = half(sn)
      }
    } else {
      fresh = nodeHash(fresh, sibling)
    }
    fn = half(fn)
    sn = half(sn)
  }
  if (sn !== 0) throw bad('it has too few hashes')
  if (!sameHash(old, oldRoot))
    throw bad(`it leads to the old root ${hex(old)}, expected ${hex(oldRoot)}`)
  if (!sameHash(fresh, newRoot))
    throw bad(`it leads to the new root ${hex(fresh)}, expected ${hex(newRoot)}`)
}

/** A path has at most one hash for each level. A consistency proof has one more. */
const MAX_HASHES = 64

function requireHashes(
  path: readonly Uint8Array[],
  others: readonly Uint8Array[],
  bad: (reason: string) => Error,
): void {
  if (path.length > MAX_HASHES) throw bad(`it has ${path.length} hashes, more than any tree needs`)
  for (const hash of [...path, ...others])
    if (hash.length !== HASH_BYTES)
      throw bad(`a hash has ${hash.length} bytes instead of ${HASH_BYTES}`)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** Sizes exceed 32 bits, so bit operators can't be used. */
function half(value: number): number {
  return Math.floor(value / 2)
}

function isPowerOfTwo(value: number): boolean {
  return 2 ** Math.round(Math.log2(value)) === value
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
