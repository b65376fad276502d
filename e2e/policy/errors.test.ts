/** Every error code is documented and raised, and its message has the required form. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allErrors, errorTables, renderErrors } from '../../tools/docs-errors.ts'
import { root, sources } from '../../tools/sources.ts'

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
