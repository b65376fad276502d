/** Compares the tree's arithmetic with a naive walk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  encodedSize,
  GROUP_BYTES,
  groupCount,
  groupLength,
  groupsOf,
  leftGroups,
  MAX_BLOB_BYTES,
  outboardSize,
  Walk,
} from './geometry.ts'

/**
 * Returns every node of a tree in pre-order: its first group, its number of groups, and the place
 * of a parent.
 */
function allNodes(count: number): { start: number; count: number; index: number }[] {
  const nodes: { start: number; count: number; index: number }[] = []
  let parents = 0
  const visit = (start: number, size: number): void => {
    nodes.push({ start, count: size, index: size > 1 ? parents++ : 0 })
    if (size === 1) return
    const left = leftGroups(size)
    visit(start, left)
    visit(start + left, size - left)
  }
  visit(0, count)
  return nodes
}

test('the left subtree is the largest power of two below the count', () => {
  const expected = [1, 2, 2, 4, 4, 4, 4, 8]
  assert.deepEqual(
    expected.map((_, i) => leftGroups(i + 2)),
    expected,
  )
  assert.equal(leftGroups(2 ** 28), 2 ** 27)
})

test('sizes of groups and outboards at the edges', () => {
  assert.deepEqual(
    [0, 1, GROUP_BYTES, GROUP_BYTES + 1, MAX_BLOB_BYTES].map((size) => groupCount(size)),
    [1, 1, 1, 2, 2 ** 24],
  )
  assert.equal(outboardSize(0), 8)
  assert.equal(outboardSize(GROUP_BYTES + 1), 72)
  assert.equal(groupLength(1, GROUP_BYTES + 7), 7)
  assert.deepEqual(groupsOf({ start: 5, end: 5 }, 10 * GROUP_BYTES), { first: 0, end: 1 })
  assert.deepEqual(groupsOf({ start: 10 ** 9, end: 10 ** 9 }, 10 * GROUP_BYTES), {
    first: 9,
    end: 10,
  })
})

test('a walk visits exactly the nodes over its range in pre-order, and sizes agree', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), (count, a, b) => {
      const first = a % count
      const range = { first, end: first + 1 + (b % (count - first)) }
      const expected = allNodes(count).filter(
        (node) => node.start < range.end && node.start + node.count > range.first,
      )
      const walk = new Walk(count, range)
      const got: { start: number; parent: boolean; index: number; root: boolean }[] = []
      while (walk.next()) {
        got.push({
          start: walk.start,
          parent: walk.parent,
          index: walk.parent ? walk.index : 0,
          root: walk.root,
        })
      }
      assert.deepEqual(
        got,
        expected.map(({ start, count: size, index }) => ({
          start,
          parent: size > 1,
          index,
          root: size === count,
        })),
      )
      const size = (count - 1) * GROUP_BYTES + 1 + (a % GROUP_BYTES)
      const parents = got.filter((node) => node.parent).length
      const content = Math.min(range.end * GROUP_BYTES, size) - range.first * GROUP_BYTES
      assert.equal(encodedSize(size, range), 8 + 64 * parents + content)
    }),
    { numRuns: 300 },
  )
})
