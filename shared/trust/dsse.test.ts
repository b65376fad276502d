/** Tests the pre-authentication encoding: the published example, and distinct encodings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pae } from './dsse.ts'

test('the example of the DSSE specification', () => {
  // Source: secure-systems-lab/dsse protocol.md, test vectors.
  const encoded = pae('http://example.com/HelloWorld', Buffer.from('hello world'))
  assert.equal(
    Buffer.from(encoded).toString(),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  )
})

test('different pairs of type and body have different encodings', () => {
  const text = fc.string({ unit: fc.constantFrom('1', ' ', 'a', 'é', 'DSSEv1 '), maxLength: 8 })
  fc.assert(
    fc.property(text, text, text, text, (typeA, bodyA, typeB, bodyB) => {
      const same = typeA === typeB && bodyA === bodyB
      assert.equal(
        Buffer.from(pae(typeA, Buffer.from(bodyA))).equals(pae(typeB, Buffer.from(bodyB))),
        same,
      )
    }),
    { numRuns: 500 },
  )
})
