/** Checks that names can be shown in a list and differ in appearance. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { plainNameFault } from './plain-name.ts'

test('plain-name: accepts visible text of any script', () => {
  for (const text of ['a', 'web 1', 'SHA256:x', 'k=v', '../x', '名前', 'ü', '0'])
    assert.equal(plainNameFault(text), undefined, text)
})

test('plain-name: refuses empty, blank, multi-line and invisible text', () => {
  for (const text of ['', ' ', '\u00a0', ' a', 'a ', 'a\nb', '\t', '\u0000', 'a\u001b[31m'])
    assert.notEqual(plainNameFault(text), undefined, JSON.stringify(text))
  for (const text of ['a\u200b', '\u202ea', 'a\u2028b', '\ufeffa', '\ud800'])
    assert.notEqual(plainNameFault(text), undefined, JSON.stringify(text))
})
