import assert from 'node:assert/strict'
import test from 'node:test'
import { defined } from './defined.ts'

test('defined: drops undefined keys and keeps null, false, zero and empty text', () => {
  const value = { a: undefined, b: null, c: false, d: 0, e: '' }
  assert.deepEqual(Object.entries(defined(value)), [
    ['b', null],
    ['c', false],
    ['d', 0],
    ['e', ''],
  ])
})

test('defined: a key that may be undefined becomes optional', () => {
  const limit = Math.max(0, 3) > 2 ? undefined : 5
  const options: { name: string; limit?: number } = defined({ name: 'x', limit })
  assert.deepEqual(options, { name: 'x' })
})
