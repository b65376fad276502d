/** Tests suggestions for mistyped words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closest, editDistance } from './suggest.ts'

test('suggest: suggests the word for a typing mistake, and nothing for other words', () => {
  const words = ['upstream', 'retention', 'name', 'type', 'repo']
  const mistakes = {
    upstraem: 'upstream',
    retenton: 'retention',
    nmae: 'name',
    Type: 'type',
    rep: 'repo',
  }
  for (const [typed, meant] of Object.entries(mistakes)) assert.equal(closest(typed, words), meant)
  for (const typed of ['', 'x', 'database', 'zzzzzzzz', 'u'.repeat(1000)])
    assert.equal(closest(typed, words), undefined, typed)
})

test('suggest: the edit distance satisfies the axioms of a distance', () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      assert.equal(distance, editDistance(b, a))
      assert.equal(distance === 0, a === b)
      assert.ok(
        distance >= Math.abs(a.length - b.length) && distance <= Math.max(a.length, b.length),
      )
    }),
  )
  assert.equal(editDistance('ab', 'ba'), 1)
  assert.equal(editDistance('kitten', 'sitting'), 3)
})
