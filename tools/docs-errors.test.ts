/** Checks that docs/ERRORS.md shows the values of a message as named placeholders. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allErrors, form, NAMED_CODES, renderErrors } from './docs-errors.ts'

test('docs/ERRORS.md: a value is shown as its name, with dashes between the words', () => {
  assert.equal(
    form(
      (d: { host: string; laterVerb: string; waitedMs: number }) =>
        `${d.host}: ${d.laterVerb} took ${d.waitedMs} ms`,
    ),
    '<host>: <later-verb> took <waited> ms',
  )
})

test('docs/ERRORS.md: a list and its length have different placeholders', () => {
  assert.equal(
    form(
      (d: { hosts: readonly string[] }) =>
        `${d.hosts.length} hosts:\n${d.hosts.slice(0, 3).join(', ')}`,
    ),
    '<number-of-hosts> hosts: <hosts>',
  )
})

test('docs/ERRORS.md: a computed number and a field with a vague name read as words', () => {
  assert.equal(
    form((d: { limit: number; got: string }) => `expected ${d.limit / 1024} KiB, got ${d.got}`),
    'expected <number> KiB, got <actual>',
  )
  const render = (d: { what: string }): string => `the ${d.what} proof does not hold`
  assert.equal(form(render, 'audit.proof'), 'the <inclusion-or-consistency> proof does not hold')
  assert.equal(form(render, 'rpm.header'), 'the <file> proof does not hold')
})

test('docs/ERRORS.md: placeholders are named only for codes that exist', async () => {
  const codes = await allErrors()
  assert.deepEqual(
    NAMED_CODES.filter((code) => !codes.has(code)),
    [],
  )
})

test('docs/ERRORS.md: no row contains template code or an escaped placeholder', async () => {
  for (const row of (await renderErrors()).split('\n').filter((line) => line.startsWith('|')))
    assert.doesNotMatch(row, /&lt;|\$\{|\[object|undefined|NaN|=>|<(what|got|of|n|subject)>/, row)
})
