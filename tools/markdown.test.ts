/**
 * Checks that generated pages don't break code spans, and that their prose has at most 100 columns.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, wrapProse } from './markdown.ts'

test('markdown: a placeholder in a cell is code, also inside a command', () => {
  assert.equal(
    cell('stop it: `muster process stop <run>` | <host>'),
    'stop it: `muster process stop <run>` \\| `<host>`',
  )
  assert.equal(cell("not a condition, such as '< 3.0'"), "not a condition, such as '< 3.0'")
})

test('markdown: prose is wrapped, list items are indented, code spans stay on one line', () => {
  const command = '`muster process start --on role=web --memory 512M -- make test`'
  const page = wrapProse(
    `- ${command}: starts a run on every web host and prints one run id a line`,
  )
  assert.equal(page, `- ${command}: starts a run on every web host\n  and prints one run id a line`)
})

test('markdown: tables, code blocks and headings are not wrapped', () => {
  const long = 'word '.repeat(40).trim()
  const page = `# ${long}\n\n| ${long} |\n\n\`\`\`text\n${long}\n\`\`\`\n\n<!-- ${long} -->\n`
  assert.equal(wrapProse(page), page)
})

test('markdown: no wrapped line begins with the mark of a list', () => {
  const page = wrapProse(`${'word '.repeat(19)}four - ${'word '.repeat(10)}`)
  assert.doesNotMatch(page, /^[-+*#]/m)
})
