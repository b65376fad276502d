import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { auditError } from './errors.ts'
import {
  type NodeReader,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts'
import { EMPTY_ROOT, joinSubtrees, leafHash, nodeHash, perfectRoot, subtrees } from './tree.ts'

const SIZE = 130
const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))
const node = (level: number, index: number): Uint8Array =>
  perfectRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
const read: NodeReader = async (nodes) => nodes.map(({ level, index }) => node(level, index))
const roots = Array.from({ length: SIZE + 1 }, (_, size) =>
  joinSubtrees(subtrees(0, size).map(({ level, index }) => node(level, index))),
)
const rootAt = (size: number): Uint8Array => roots[size] as Uint8Array
const refused = (error: unknown): boolean => auditError.is(error, 'audit.proof')

describe('Merkle proofs', () => {
  it('AL-07: agrees with the valid and invalid cases of transparency-dev', async () => {
    const text = await readFile(
      new URL('../../fixtures/vectors/merkle/proofs.txt', import.meta.url),
      'utf8',
    )
    const bytes = (hex: string): Uint8Array => Buffer.from(hex === 'empty' ? '' : hex, 'hex')
    let seen = 0
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      const [kind, verdict, name, a, b, one, two, list] = line.split(' ') as [
        string,
        string,
        string,
        string,
        string,
        string,
        string,
        string,
      ]
      const hashes = list === '-' ? [] : list.split(',').map(bytes)
      const check = (): void => {
        if (kind === 'inclusion')
          verifyInclusion({ index: Number(a), size: Number(b), hashes }, bytes(one), bytes(two))
        else verifyConsistency({ from: Number(a), to: Number(b), hashes }, bytes(one), bytes(two))
      }
      if (verdict === 'good') assert.doesNotThrow(check, `${kind} ${name}`)
      else assert.throws(check, refused, `${kind} ${name}`)
      seen += 1
    }
    assert.equal(seen, 92)
  })

  it('proves every entry of every small log', async () => {
    for (let size = 1; size <= 40; size += 1)
      for (let index = 0; index < size; index += 1)
        verifyInclusion(
          await proveInclusion(index, size, read),
          leaves[index] as Uint8Array,
          rootAt(size),
        )
  })

  it('proves that every small log extends every smaller one', async () => {
    for (let to = 0; to <= 40; to += 1)
      for (let from = 0; from <= to; from += 1)
        verifyConsistency(await proveConsistency(from, to, read), rootAt(from), rootAt(to))
  })

  it('AL-03: rejects a proof with any change', async () => {
    const size = fc.integer({ min: 2, max: SIZE })
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), fc.nat({ max: 255 }), async (to, a, b, bit) => {
        const index = a % to
        const inclusion = await proveInclusion(index, to, read)
        const leaf = leaves[index] as Uint8Array
        const flip = (hashes: readonly Uint8Array[]): Uint8Array[] =>
          hashes.map((hash, i) =>
            i === b % hashes.length
              ? Buffer.from(hash).map((byte, j) =>
                  j === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte,
                )
              : hash,
          )
        assert.throws(
          () => verifyInclusion({ ...inclusion, hashes: flip(inclusion.hashes) }, leaf, rootAt(to)),
          refused,
        )
        assert.throws(
          () =>
            verifyInclusion(
              { ...inclusion, hashes: [...inclusion.hashes, leaf] },
              leaf,
              rootAt(to),
            ),
          refused,
        )
        assert.throws(
          () =>
            verifyInclusion({ ...inclusion, hashes: inclusion.hashes.slice(1) }, leaf, rootAt(to)),
          refused,
        )
        assert.throws(
          () => verifyInclusion({ ...inclusion, index: (index + 1) % to }, leaf, rootAt(to)),
          refused,
        )
        assert.throws(() => verifyInclusion(inclusion, leaf, rootAt(to - 1)), refused)
        const from = 1 + (b % (to - 1))
        const consistency = await proveConsistency(from, to, read)
        assert.throws(
          () =>
            verifyConsistency(
              { ...consistency, hashes: flip(consistency.hashes) },
              rootAt(from),
              rootAt(to),
            ),
          refused,
        )
        assert.throws(
          () =>
            verifyConsistency(
              { ...consistency, hashes: [...consistency.hashes, leaf] },
              rootAt(from),
              rootAt(to),
            ),
          refused,
        )
        assert.throws(
          () => verifyConsistency({ ...consistency, hashes: [] }, rootAt(from), rootAt(to)),
          refused,
        )
        assert.throws(() => verifyConsistency(consistency, rootAt(from - 1), rootAt(to)), refused)
        assert.throws(() => verifyConsistency(consistency, rootAt(to), rootAt(from)), refused)
      }),
    )
  })

  it('AL-09: rejects entries outside the log, and nodes in place of leaves', async () => {
    const proof = await proveInclusion(0, 1, read)
    assert.throws(
      () => verifyInclusion({ index: 0, size: 0, hashes: [] }, leaves[0] as Uint8Array, EMPTY_ROOT),
      refused,
    )
    assert.throws(
      () => verifyInclusion({ ...proof, index: 1 }, leaves[0] as Uint8Array, rootAt(1)),
      refused,
    )
    for (const index of [-1, 0.5, Number.NaN, 2 ** 53])
      assert.throws(
        () => verifyInclusion({ ...proof, index }, leaves[0] as Uint8Array, rootAt(1)),
        refused,
      )
    // The node over entries 0 and 1, presented as an entry of a log of half the length.
    const inner = nodeHash(leaves[0] as Uint8Array, leaves[1] as Uint8Array)
    assert.notDeepEqual(
      leafHash(Buffer.concat([leaves[0] as Uint8Array, leaves[1] as Uint8Array])),
      inner,
    )
    await assert.rejects(proveInclusion(5, 5, read), (error) => auditError.is(error, 'audit.range'))
    await assert.rejects(proveInclusion(0, 0, read), (error) => auditError.is(error, 'audit.range'))
    await assert.rejects(proveConsistency(5, 4, read), (error) =>
      auditError.is(error, 'audit.range'),
    )
    await assert.rejects(proveInclusion(-1, 4, read), (error) =>
      auditError.is(error, 'audit.range'),
    )
  })

  it('AL-07: rejects 65 hashes, a proof from size 0, and another root at the same size', () => {
    const many = Array.from({ length: 65 }, () => Buffer.alloc(32))
    assert.throws(
      () => verifyConsistency({ from: 3, to: 2 ** 52, hashes: many }, rootAt(3), rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyInclusion({ index: 3, size: 2 ** 52, hashes: many }, rootAt(3), rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyConsistency({ from: 0, to: 4, hashes: [rootAt(4)] }, EMPTY_ROOT, rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyConsistency({ from: 0, to: 4, hashes: [] }, rootAt(1), rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyConsistency({ from: 4, to: 4, hashes: [] }, rootAt(3), rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyConsistency({ from: 4, to: 4, hashes: [rootAt(4)] }, rootAt(4), rootAt(4)),
      refused,
    )
    assert.throws(
      () => verifyConsistency({ from: 5, to: 4, hashes: [rootAt(4)] }, rootAt(5), rootAt(4)),
      refused,
    )
    assert.throws(
      () =>
        verifyInclusion({ index: 0, size: 2, hashes: [Buffer.alloc(31)] }, rootAt(1), rootAt(2)),
      refused,
    )
  })
})
