import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Signed } from '../shared/trust/signed.ts'
import { countFitting } from './statement.ts'

const of = (bytes: number): Signed => ({
  statement: new Uint8Array(bytes),
  scheme: 'sshsig',
  key: new Uint8Array(32),
  signature: new Uint8Array(64),
})

test('statements: a message has as many as its count and bytes allow, at least one', () => {
  const five = [of(840), of(840), of(840), of(840), of(840)]
  assert.equal(countFitting(five, { most: 9, bytes: 5000 }), 5)
  assert.equal(countFitting(five, { most: 9, bytes: 4999 }), 4)
  assert.equal(countFitting(five, { most: 2, bytes: 5000 }), 2)
  assert.equal(countFitting(five, { most: 9, bytes: 10 }), 1)
  assert.equal(countFitting([], { most: 9, bytes: 10 }), 0)
})
