import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatEvr, parseEvr } from './evr.ts'

test('evr: reads back the text that it wrote', () => {
  const part = fc.string({ unit: fc.constantFrom(...'09az.~^+'), minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.nat(), part, fc.oneof(part, fc.constant('')), (epoch, version, release) => {
      const evr = { epoch, version, release }
      assert.deepEqual(parseEvr(formatEvr(evr)), evr)
    }),
  )
})

test('evr: the release begins after the last dash, and an epoch is a number', () => {
  assert.deepEqual(parseEvr('7:1.2-3-4'), { epoch: 7, version: '1.2-3', release: '4' })
  assert.deepEqual(parseEvr('a:1-2'), { epoch: 0, version: 'a:1', release: '2' })
  assert.deepEqual(parseEvr('1'), { epoch: 0, version: '1', release: '' })
})
