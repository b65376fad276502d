/** The policies look at code, not at what comments say; this keeps the two apart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutComments } from './comments.ts'
import { sources } from './sources.ts'

test('policy: comments are told from strings, templates and regular expressions', () => {
  const cases: [string, string][] = [
    ['a // b\nc', 'a     \nc'],
    ['a /* b\nc */ d', 'a     \n     d'],
    ["x('conf.d/*.yaml') // y", "x('conf.d/*.yaml')     "],
    ["'it\\'s // x' // y", "'it\\'s // x'     "],
    ['`a ${b /* c */ + `//d ${e} //f`} //g` // h', '`a ${b         + `//d ${e} //f`} //g`     '],
    ['`${{ a: 1 }.a}//` // b', '`${{ a: 1 }.a}//`     '],
    ['/[\'"/*]\\//.test(x) // y', '/[\'"/*]\\//.test(x)     '],
    ['return /[/]"/ // x', 'return /[/]"/     '],
    ['a / b / c // d', 'a / b / c     '],
  ]
  for (const [text, expected] of cases) assert.equal(withoutComments(text), expected)
})

test('policy: no source confuses the reader of comments: every import and export of a line of its own is still there', () => {
  for (const { path, text, code } of sources()) {
    assert.equal(code.length, text.length, path)
    const lines = (of: string): number =>
      of.split('\n').filter((line) => /^(import|export) /.test(line)).length
    assert.equal(lines(code), lines(text), path)
  }
})
