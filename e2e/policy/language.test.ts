/**
 * Checks that lines have at most 100 columns, and that source, documents, errors, help and test
 * titles contain no words of the old dialect.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, source, sources } from '../../tools/sources.ts'
import { compare } from './allowance.ts'
import { assertNone } from './findings.ts'

const MAX_COLUMNS = 100

interface Text {
  readonly path: string
  readonly text: string
}

/** Files with longer lines, with the reason. */
const LONG_LINES: Readonly<Record<string, string>> = {
  'shared/blake3/compress.ts': 'generated: one line for each half of a quarter round',
  'shared/redact.ts': 'one regular expression',
  'shared/text-width.ts': 'one regular expression with a table of character ranges',
  'coordinator/repositories/decompress/decompress.test.ts': 'compressed files in base64',
  'tools/sources.ts': 'one regular expression',
  'e2e/policy/formats.test.ts': 'one regular expression',
}

/**
 * Words that plain English doesn't need. Name the actor, or write "separate" or "not a" instead.
 */
const DIALECT: readonly RegExp[] = [
  /\b(?:[Ww]hoever|[Aa]nybody|[Ss]omebody)\b/g,
  // The user account 'nobody' is quoted.
  /\b[Nn]obody\b(?!['"`])/g,
  // A line of a comment may end between the words.
  /\bof[\s*/#]+(?:its|their|his|our)[\s*/#]+own\b/g,
  // "There is no x" and "no longer" are plain English.
  /(?<!\b[Tt]here[\s*/#]+)\b(?:is|are|was)[\s*/#]+no\b(?![\s*/#]+(?:longer|more|such|other)\b)/g,
]

/**
 * The number of longer lines in parts that are not rewritten yet. The numbers may only become
 * smaller. The longest path applies. All other files must have none.
 */
const LONG_LINES_LEFT: Readonly<Record<string, number>> = {}

/** The number of words of the dialect in parts that are not rewritten yet, with the same rules. */
const DIALECT_LEFT: Readonly<Record<string, number>> = {}

const texts = (patterns: readonly string[]): Text[] =>
  globSync([...patterns], { cwd: root, exclude: (path) => path.includes('node_modules') })
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

/** Returns the source files, the launchers and the AssemblyScript kernel. */
const CODE: readonly Text[] = [
  ...sources().filter(({ path }) => path !== 'e2e/policy/language.test.ts'),
  ...texts(['tools/*.mjs', 'shared/**/*.as.ts']),
]
const DOCUMENTS = texts(['*.md', 'docs/*.md', 'protocols/*/README.md', 'agent/*/README.md'])

/** Returns `path:line: problem` of each long line. */
function longLines({ path, text }: Text): string[] {
  return text.split('\n').flatMap((line, index) => {
    const columns = [...line].length
    return columns > MAX_COLUMNS ? [`${path}:${index + 1}: ${columns} columns`] : []
  })
}

/** Returns `path:line: word` of each word of the dialect, also in comments and strings. */
function dialect({ path, text }: Text): string[] {
  return DIALECT.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => {
      const line = text.slice(0, match.index).split('\n').length
      return `${path}:${line}: ${match[0].replaceAll(/[\s*/#]+/g, ' ')}`
    }),
  )
}

test('policy: lines have at most 100 columns', (t) => {
  const files = CODE.filter(({ path }) => !Object.hasOwn(LONG_LINES, path))
  const { wrong, lower } = compare(files.flatMap(longLines), LONG_LINES_LEFT)
  lower.forEach((line) => t.diagnostic(line))
  assertNone(wrong, 'break the line')
})

test('policy: every file with an exemption from the line length needs it', () => {
  const short = Object.keys(LONG_LINES).filter((path) => longLines(source(path)).length === 0)
  assert.deepEqual(short, [])
})

test('policy: texts contain no words of the dialect', (t) => {
  const { wrong, lower } = compare([...CODE, ...DOCUMENTS].flatMap(dialect), DIALECT_LEFT)
  lower.forEach((line) => t.diagnostic(line))
  assertNone(wrong, 'name the actor, or write "separate", "not a" or "its own"')
})

test('policy: the language guard finds exactly the marked lines of its fixture', () => {
  const file = source('e2e/policy/fixtures/language.ts')
  const marked = file.text
    .split('\n')
    .flatMap((line, index) => (/\bBAD\b/.test(line) && index > 0 ? [index + 1] : []))
  const found = [...longLines(file), ...dialect(file)].map((each) => Number(each.split(':')[1]))
  assert.deepEqual(
    [...new Set(found)].sort((a, b) => a - b),
    marked,
  )
})

test('policy: a listed part fails above its number, and reports when it can be lowered', () => {
  const findings = ['a/x.ts:1: nested', 'a/b/y.ts:1: nested', 'c.ts:3: nested']
  assert.deepEqual(compare(findings, { 'a/': 1, 'a/b/': 2, 'c.ts': 1 }), {
    wrong: [],
    lower: ['lower a/b/ from 2 to 1'],
  })
  assert.deepEqual(compare(findings, { 'a/': 1, 'c.ts': 1 }).wrong, [
    'a/: expected at most 1, got 2',
    'a/x.ts:1: nested',
    'a/b/y.ts:1: nested',
  ])
  assert.deepEqual(compare(findings, { 'a/': 2 }).wrong, ['c.ts:3: nested'])
})
