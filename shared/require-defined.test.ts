import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireDefined } from './require-defined.ts'

test('requireDefined: returns the value, and throws the broken guarantee without one', () => {
  assert.equal(requireDefined([0][0], 'the list has an item'), 0)
  assert.throws(() => requireDefined([][0], 'the list has an item'), /the list has an item/)
})
