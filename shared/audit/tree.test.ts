import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  append,
  EMPTY_ROOT,
  emptyFrontier,
  frontierRoot,
  leafHash,
  nodeHash,
  packFrontier,
  perfectRoot,
  subtrees,
  unpackFrontier,
} from './tree.ts'

/** MTH of RFC 6962 section 2.1, literally. */
function rootByDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leafHash(leaves[0] as Uint8Array)
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(rootByDefinition(leaves.slice(0, k)), rootByDefinition(leaves.slice(k)))
}

/**
 * Leaves and roots that Certificate Transparency implementations share
 * (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc).
 */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('Merkle tree', () => {
  it('has the published root after each of eight known leaves', () => {
    const frontier = emptyFrontier()
    assert.equal(
      Buffer.from(frontierRoot(frontier)).toString('hex'),
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
    for (const [i, leaf] of LEAVES.entries()) {
      append(frontier, leafHash(Buffer.from(leaf, 'hex')))
      assert.equal(Buffer.from(frontierRoot(frontier)).toString('hex'), ROOTS[i])
    }
  })

  it('has the root of the definition at every size', () => {
    const leaves: Uint8Array[] = []
    const frontier = emptyFrontier()
    for (let i = 0; i < 70; i += 1) {
      assert.deepEqual(Buffer.from(frontierRoot(frontier)), Buffer.from(rootByDefinition(leaves)))
      const packed = unpackFrontier(frontier.size, packFrontier(frontier))
      assert.deepEqual(
        packed && Buffer.from(frontierRoot(packed)),
        Buffer.from(frontierRoot(frontier)),
      )
      leaves.push(Buffer.from(`leaf ${i}`))
      append(frontier, leafHash(leaves[i] as Uint8Array))
    }
  })

  it('rejects a packed frontier that does not match its size', () => {
    assert.equal(unpackFrontier(3, Buffer.alloc(32)), undefined)
    assert.equal(unpackFrontier(4, Buffer.alloc(33)), undefined)
    assert.equal(unpackFrontier(0, Buffer.alloc(0))?.size, 0)
  })

  it('AL-09: a leaf never hashes like a node', () => {
    const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))]
    assert.notDeepEqual(leafHash(Buffer.concat([a, b])), nodeHash(a, b))
    assert.deepEqual(
      Buffer.from(leafHash(Buffer.concat([Buffer.of(1), a, b]))).equals(nodeHash(a, b)),
      false,
    )
  })

  it('covers any aligned range with perfect subtrees, widest first', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 2 ** 40 }),
        (shift, count) => {
          const width = 2 ** shift
          const start = width * 3
          const length = count % (width + 1)
          let at = start
          let last = Number.POSITIVE_INFINITY
          for (const { level, index } of subtrees(start, start + length)) {
            assert.ok(level < last)
            assert.equal(index * 2 ** level, at)
            last = level
            at += 2 ** level
          }
          assert.equal(at, start + length)
        },
      ),
    )
  })

  it('joins 2^n hashes like the definition', () => {
    const leaves = Array.from({ length: 16 }, (_, i) => Buffer.of(i))
    assert.deepEqual(
      Buffer.from(perfectRoot(leaves.map(leafHash))),
      Buffer.from(rootByDefinition(leaves)),
    )
  })
})
