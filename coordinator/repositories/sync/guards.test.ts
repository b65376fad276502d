import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseRollback, refuseShrink } from './guards.ts'

test('RS-31: a repository may shrink to a fifth, and a small one to nothing', () => {
  for (const [before, now] of [
    [10, 2],
    [1000, 200],
    [9, 0],
    [0, 0],
    [10, 11],
  ] as const)
    refuseShrink('r', before, now)
  for (const [before, now] of [
    [10, 1],
    [1000, 199],
    [10, 0],
  ] as const)
    assert.throws(
      () => refuseShrink('r', before, now),
      { code: 'mirror.shrunk' },
      `${before} ${now}`,
    )
})

test('RS-14: only a smaller number of at most 15 digits is a rollback', () => {
  for (const [last, now] of [
    ['1700000000', '1700000000'],
    ['9', '10'],
    [undefined, '1'],
    [null, '1'],
    ['2024-05-01', '1'],
    ['5', 'v4'],
    // RS-17: a stored revision of 2^63 would reject every later version.
    ['9223372036854775808', '1700000000'],
    ['-5', '-6'],
  ] as const)
    refuseRollback('r', last, now)
  for (const [last, now] of [
    ['10', '9'],
    ['1700000001', '1700000000'],
    ['999999999999999', '999999999999998'],
  ] as const)
    assert.throws(
      () => refuseRollback('r', last, now),
      { code: 'mirror.rollback' },
      `${last} ${now}`,
    )
})
