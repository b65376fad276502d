import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asError } from './as-error.ts'

test('asError: keeps an Error, and wraps any other thrown value as its cause', () => {
  const error = new TypeError('broken')
  assert.equal(asError(error), error)
  const wrapped = asError('stopped')
  assert.deepEqual([wrapped.message, wrapped.cause], ['stopped', 'stopped'])
  assert.equal(asError(undefined).message, 'undefined')
})
