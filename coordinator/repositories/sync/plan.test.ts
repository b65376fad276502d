import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlobId } from '../../../shared/ids.ts'
import { ownHref } from '../model/href.ts'
import type { ListedPackage } from '../model/package.ts'
import { checkPaths, planSync } from './plan.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'

const pkg = (href: string, digit: string, size = 10): ListedPackage => ({
  name: href,
  arch: 'noarch',
  epoch: 0,
  version: '1',
  release: '1',
  checksum: { kind: 'sha256', value: digit.repeat(64) },
  size,
  href: ownHref(href),
  source: '',
  buildTime: 0,
})
const key = (digit: string): ChecksumKey => checksumKey({ kind: 'sha256', value: digit.repeat(64) })
const nothing = { pooled: new Map<ChecksumKey, BlobId>(), previous: new Set<ChecksumKey>() }

test('a plan fetches each missing content once, the largest first', () => {
  const listed = [
    pkg('a', '1', 5),
    pkg('b', '2', 50),
    pkg('copy/b', '2', 50),
    pkg('c', '3', 20),
    pkg('a', '1', 5),
  ]
  const plan = planSync(
    {
      listed,
      pooled: new Map([[key('3'), 'x' as BlobId]]),
      previous: new Set([key('1'), key('9')]),
    },
    'primary',
  )
  assert.deepEqual(
    plan.packages.map((each) => each.href),
    ['a', 'b', 'copy/b', 'c'],
  )
  assert.deepEqual(
    plan.fetch.map((each) => each.href),
    ['b', 'a'],
  )
  assert.deepEqual([plan.bytes, plan.unchanged, plan.removed], [55, 1, 1])
})

test('RS-23: rejects two packages at one path, and one content with two sizes', () => {
  assert.throws(
    () => planSync({ listed: [pkg('a', '1'), pkg('a', '2')], ...nothing }, 'primary'),
    /two different packages at a/,
  )
  assert.throws(
    () => planSync({ listed: [pkg('a', '1', 1), pkg('b', '1', 2)], ...nothing }, 'primary'),
    /a and b are the same bytes, of different sizes/,
  )
})

test('RS-01: rejects a path that is a file and a folder, or listed twice', () => {
  checkPaths(['a/b/c', 'a/b/d', 'a/bb', 'a/b.rpm'], 'x')
  assert.throws(
    () => checkPaths(['a/b', 'a/b/c'], 'x'),
    /a\/b would be a file and the folder of a\/b\/c/,
  )
  assert.throws(() => checkPaths(['a/b/c/d', 'a'], 'x'), /a would be a file/)
  assert.throws(() => checkPaths(['a', 'a'], 'x'), /two different files lie at a/)
})

test('the fetches of a plan and the pool together have the content of every package', () => {
  const digit = fc.constantFrom(...'0123456789abcdef')
  fc.assert(
    fc.property(fc.array(digit), fc.array(digit), fc.array(digit), (listed, pooled, previous) => {
      const packages = listed.map((each, index) => pkg(`p${index}`, each))
      const have = new Map(pooled.map((each) => [key(each), 'x' as BlobId]))
      const plan = planSync(
        { listed: packages, pooled: have, previous: new Set(previous.map(key)) },
        'primary',
      )
      const after = new Set([
        ...have.keys(),
        ...plan.fetch.map((each) => checksumKey(each.checksum)),
      ])
      assert.ok(plan.packages.every((each) => after.has(checksumKey(each.checksum))))
      assert.ok(plan.fetch.every((each) => !have.has(checksumKey(each.checksum))))
      assert.equal(
        new Set(plan.fetch.map((each) => checksumKey(each.checksum))).size,
        plan.fetch.length,
      )
    }),
  )
})
