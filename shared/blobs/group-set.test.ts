/** Compares the bitmap with a plain Set. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GroupSet } from './group-set.ts'

test('a group set behaves like a set with runs and a prefix', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(60), { maxLength: 60 }),
      fc.integer({ min: 1, max: 61 }),
      (groups, limit) => {
        const set = new GroupSet()
        for (const group of groups) set.add(group)
        const plain = new Set(groups)
        assert.equal(set.count, plain.size)
        let prefix = 0
        while (plain.has(prefix)) prefix += 1
        assert.equal(set.prefix, prefix)
        for (const present of [true, false]) {
          const listed = set
            .runs(limit, present)
            .flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i))
          assert.deepEqual(
            listed,
            Array.from({ length: limit }, (_, i) => i).filter(
              (group) => plain.has(group) === present,
            ),
          )
        }
        const copy = new GroupSet(set.bytes(), limit)
        assert.deepEqual(copy.runs(70, true), set.runs(limit, true))
      },
    ),
  )
})

test('a claim about distant groups allocates no memory; drops bits past the limit', () => {
  const set = new GroupSet(Buffer.alloc(4, 0xff), 20)
  assert.equal(set.count, 20)
  assert.equal(set.has(2 ** 30), false)
  assert.deepEqual(set.runs(2 ** 20, false), [{ first: 20, end: 2 ** 20 }])
  assert(set.bytes().length <= 64)
})
