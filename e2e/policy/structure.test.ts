/**
 * Checks that functions fit on a screen and have no deep nesting, that types are not forced through
 * `never` or `unknown`, and that optional keys are not added by conditional spreads.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, type Source, source, sources } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

const CONFIG = 'e2e/policy/structure.oxlintrc.json'
const PROGRAM = new Set(['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli', 'tools'])
const product = sources().filter(({ folder, isTest }) => PROGRAM.has(folder) && !isTest)

/** The rules of the linter. */
type LintRule = 'max-lines-per-function' | 'max-depth'

interface Diagnostic {
  readonly message: string
  readonly code: string
  readonly filename: string
  readonly labels: readonly { readonly span: { readonly line: number } }[]
}

/** Returns `path:line: problem` of each finding of the linter, by its rule. */
function lint(paths: readonly string[]): (rule: LintRule) => string[] {
  const { stdout, stderr, status } = spawnSync(
    join(root, 'node_modules/.bin/oxlint'),
    ['--config', CONFIG, '--format', 'json', '--no-ignore', ...paths],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
  )
  assert.ok(status === 0 || status === 1, `oxlint ended with ${status}: ${stderr}${stdout}`)
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] }
  return (rule) =>
    diagnostics
      .filter(({ code }) => code === `eslint(${rule})`)
      .map(({ filename, labels, message }) => `${filename}:${labels[0]?.span.line}: ${message}`)
}
const linted = lint(product.map(({ path }) => path))

interface Coded {
  readonly path: string
  readonly code: string
}

/** Returns `path:line: problem` of each match. */
function find({ path, code }: Coded, pattern: RegExp, problem: string): string[] {
  return [...code.matchAll(pattern)].map(
    (match) => `${placeOf({ path }, code, match.index)}: ${problem}`,
  )
}

/** Finds each cast through `never` or `unknown`, unless the line before has the reason. */
function forcedTypes({ path, code, text }: Source): string[] {
  const lines = text.split('\n')
  return find({ path, code }, /\bas[ \n]+(?:never|unknown[ \n]+as)\b/g, 'a forced type').filter(
    (finding) => !/\/\/ Forced: .{10}/.test(lines[Number(finding.split(':')[1]) - 2] ?? ''),
  )
}

/** Finds each spread of `x ? {} : { … }`, `x ? { … } : {}` or `x && { … }` in an object. */
const conditionalSpreads = (file: Coded): string[] =>
  find(
    file,
    /\.\.\.\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*?(?:\?|&&)\s*(?:\{|\(\{)/g,
    'a conditional spread',
  )

interface Rule {
  readonly title: string
  readonly findings: readonly string[]
  readonly advice: string
}

const RULES: readonly Rule[] = [
  {
    title: 'functions fit on a screen',
    findings: linted('max-lines-per-function'),
    advice:
      'split it into named parts, or give the reason in the line above it: ' +
      '// oxlint-disable-next-line max-lines-per-function -- REASON',
  },
  {
    title: 'blocks are nested at most three deep',
    findings: linted('max-depth'),
    advice: 'return early, or make the inner block a function',
  },
  {
    title: 'types are not forced',
    findings: product.flatMap(forcedTypes),
    advice:
      'use a type guard, a generic or a typed table, ' +
      'or give the reason in the line above it: // Forced: REASON',
  },
  {
    title: 'no conditional spreads',
    findings: product.flatMap(conditionalSpreads),
    advice: 'use defined() of shared/defined.ts',
  },
]

for (const { title, findings, advice } of RULES)
  test(`policy: ${title}`, () => assertNone(findings, advice))

test('policy: each exception from the size of a function has its reason', () => {
  const bare = product.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /(?:oxlint|eslint)-disable/.test(line) && !/ -- .{10}/.test(line)
          ? [`${path}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  )
  assertNone(bare, 'add the reason: -- REASON')
})

test('policy: the guards of structure find exactly the marked lines of their fixture', () => {
  const path = 'e2e/policy/fixtures/structure.ts'
  const file = source(path)
  const { text, code } = file
  // A mark on a separate line is for the line before it.
  const marked = (mark: string): number[] =>
    text.split('\n').flatMap((line, index) => {
      if (!line.includes(`// BAD ${mark}`)) return []
      return [line.trimStart().startsWith('//') ? index : index + 1]
    })
  const lines = (findings: readonly string[]): number[] =>
    findings.map((finding) => Number(finding.split(':')[1])).sort((a, b) => a - b)
  const found = lint([path])
  assert.deepEqual(lines(found('max-lines-per-function')), marked('long'))
  assert.deepEqual(lines(found('max-depth')), marked('deep'))
  assert.deepEqual(lines(forcedTypes(file)), marked('forced'))
  assert.deepEqual(lines(conditionalSpreads({ path, code })), marked('spread'))
})
