/**
 * Checks that every error code is documented and raised, and that its message has the required
 * form.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allErrors, errorTables, renderErrors } from '../../tools/docs-errors.ts'
import { root, sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

test('policy: every error code is documented', async () => {
  const page = readFileSync(join(root, 'docs/ERRORS.md'), 'utf8')
  const missing = [...(await allErrors()).keys()].filter(
    (code) => !page.includes(`| \`${code}\` |`),
  )
  assert.deepEqual(missing, [], 'run: node tools/run.mjs tools/docs.ts')
})

test('policy: every error code is raised somewhere', async () => {
  const tables = new Set(errorTables())
  const code = sources()
    .filter(({ isTest }) => !isTest)
    .map((file) =>
      tables.has(file.path)
        ? file.code.replace(/^ {2}'[a-z0-9-]+\.[a-z0-9.-]+':/gm, '')
        : file.code,
    )
    .join('\n')
  assert.deepEqual(
    [...(await allErrors()).keys()].filter((name) => !code.includes(`'${name}'`)),
    [],
  )
})

test('policy: messages are lower case, without a final period', async () => {
  const page = await renderErrors()
  const rows = [...page.matchAll(/^\| `([^`]+)` \| [^|]* \| (.*?) \| (.*?) \|$/gm)]
  assert.ok(rows.length > 10)
  const loud = rows.filter(([, , message = '', hint = '']) =>
    [message, hint].some(
      (text) => /^(?!Muster\b|Node\b)[A-Z][a-z]/.test(text) || /[^.]\.$/.test(text),
    ),
  )
  assert.deepEqual(
    loud.map(([, code, message, hint]) => `${code}: ${message} | ${hint}`),
    [],
  )
})

/** The files that may compare codes as text, each with the reason. */
const TEXT_ALLOWED: Readonly<Record<string, string>> = {
  'protocols/wire/status.ts': 'a table by code; a type checks its keys',
  'agent/membership/link.ts': 'codes of the coordinator’s disk, which no protocol declares',
  'coordinator/database/own-trouble.ts': 'a lower layer than the log, whose table it can’t import',
}

interface Retyped {
  readonly name: string
  readonly line: number
}

/** Finds codes that are compared or listed as plain text, which no type checks. */
function retyped(code: string, declared: ReadonlySet<string>): Retyped[] {
  return [...code.matchAll(/'([a-z0-9-]+\.[a-z0-9.-]+)'/g)]
    .filter(({ 1: name = '', index }) => {
      if (!declared.has(name)) return false
      const before = code.slice(Math.max(0, index - 300), index)
      const isCompared = /(?:[=!]==?|\bcase|[^=]=)\s*$/.test(before)
      // The list of a query has column names.
      const isListed = /(?<!select\()\[(?:\s*'[^']*',?)*\s*$/.test(before)
      return isCompared || isListed
    })
    .map(({ 1: name = '', index }) => ({
      name,
      line: code.slice(0, index).split('\n').length,
    }))
}

test('policy: error codes are compared by their tables, never as text', async () => {
  const declared = new Set((await allErrors()).keys())
  // A file that declares codes has the type of its codes.
  const tables = new Set([...errorTables(), ...Object.keys(TEXT_ALLOWED)])
  const looked = sources().filter(
    ({ path, isTest, folder }) =>
      !isTest && folder !== 'e2e' && folder !== 'bench' && !tables.has(path),
  )
  const found = looked.flatMap(({ path, code }) =>
    retyped(code, declared).map(({ name, line }) => `${path}:${line}: ${name} as text`),
  )
  assertNone(found, 'compare with is() of the table of its errors')
  for (const code of [
    "error.code === 'protocol.busy'",
    "const BUSY = 'protocol.busy'",
    "new Set(['cli.usage', 'protocol.busy'])",
    "case 'protocol.busy':",
  ])
    assert.deepEqual(
      retyped(code, new Set(['protocol.busy'])),
      [{ name: 'protocol.busy', line: 1 }],
      code,
    )
  for (const code of [
    "wireError('protocol.busy')",
    "wireError.is(error, 'protocol.busy')",
    "select(['protocol.busy'])",
  ])
    assert.deepEqual(retyped(code, new Set(['protocol.busy'])), [], code)
})
