/**
 * Checks that comments are separated from code, because the policies check code without comments.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutComments } from './comments.ts'
import { sources } from './sources.ts'

test('policy: comments are distinguished from strings, templates and regexes', () => {
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

test('policy: removing comments keeps every import and export line', () => {
  for (const { path, text, code } of sources()) {
    assert.equal(code.length, text.length, path)
    const lines = (of: string): number =>
      of.split('\n').filter((line) => /^(import|export) /.test(line)).length
    assert.equal(lines(code), lines(text), path)
  }
})
