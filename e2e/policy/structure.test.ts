/**
 * Functions fit on a screen and are not nested deeply. Types are not forced through `never` or
 * `unknown`. Optional keys are not added by conditional spreads.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, source, sources } from '../../tools/sources.ts'
import { compare } from './allowance.ts'

/** Parts that still have findings. The numbers may only shrink. */
const LONG_FUNCTIONS_LEFT: Readonly<Record<string, number>> = {
  'agent/': 11,
  'cli/': 5,
  'coordinator/': 39,
  'node/': 10,
  'protocols/': 1,
  'shared/': 8,
}
const DEEP_BLOCKS_LEFT: Readonly<Record<string, number>> = {
  'agent/': 8,
  'cli/': 1,
  'coordinator/': 15,
  'node/': 6,
  'shared/': 2,
  'tools/': 1,
}
const FORCED_TYPES_LEFT: Readonly<Record<string, number>> = {
  'agent/': 6,
  'coordinator/': 12,
  'node/': 2,
  'protocols/': 1,
  'shared/': 8,
  'tools/': 1,
}
const CONDITIONAL_SPREADS_LEFT: Readonly<Record<string, number>> = {
  'agent/': 46,
  'cli/': 34,
  'coordinator/': 41,
  'node/': 11,
  'protocols/': 2,
  'shared/': 2,
  'tools/': 1,
}

const CONFIG = 'e2e/policy/structure.oxlintrc.json'
const PROGRAM = new Set(['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli', 'tools'])
const product = sources().filter(({ folder, isTest }) => PROGRAM.has(folder) && !isTest)

/** The advice for each rule of the linter. */
const RULES = {
  'max-lines-per-function':
    'split it into named parts, or give the reason: ' +
    '// oxlint-disable-next-line max-lines-per-function -- REASON',
  'max-depth': 'return early, or make the inner block a function',
} as const
type Rule = keyof typeof RULES

interface Diagnostic {
  readonly message: string
  readonly code: string
  readonly filename: string
  readonly labels: readonly { readonly span: { readonly line: number } }[]
}

/** `path:line: problem; advice` of each finding of the linter, by its rule. */
function lint(paths: readonly string[]): (rule: Rule) => string[] {
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
      .map(
        ({ filename, labels, message }) =>
          `${filename}:${labels[0]?.span.line}: ${message} ${RULES[rule]}`,
      )
}
const linted = lint(product.map(({ path }) => path))

/** `path:line: problem` of each match. */
function find(path: string, code: string, pattern: RegExp, problem: string): string[] {
  return [...code.matchAll(pattern)].map(
    (match) => `${path}:${code.slice(0, match.index).split('\n').length}: ${problem}`,
  )
}

interface Coded {
  readonly path: string
  readonly code: string
}

const forcedTypes = ({ path, code }: Coded): string[] =>
  find(
    path,
    code,
    /\bas[ \n]+(?:never|unknown[ \n]+as)\b/g,
    'a type is forced; use a type guard, a generic or a typed table',
  )

/** A spread in an object of `x ? {} : { … }`, `x ? { … } : {}` or `x && { … }`. */
const conditionalSpreads = ({ path, code }: Coded): string[] =>
  find(
    path,
    code,
    /\.\.\.\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*?(?:\?|&&)\s*(?:\{|\(\{)/g,
    'a conditional spread; use defined() of shared/defined.ts',
  )

for (const [title, findings, left] of [
  ['functions fit on a screen', linted('max-lines-per-function'), LONG_FUNCTIONS_LEFT],
  ['blocks are nested at most three deep', linted('max-depth'), DEEP_BLOCKS_LEFT],
  ['types are not forced', product.flatMap(forcedTypes), FORCED_TYPES_LEFT],
  ['no conditional spreads', product.flatMap(conditionalSpreads), CONDITIONAL_SPREADS_LEFT],
] as const)
  test(`policy: ${title}`, (t) => {
    const { wrong, lower } = compare(findings, left)
    lower.forEach((line) => t.diagnostic(line))
    assert.deepEqual(wrong, [], wrong.join('\n'))
  })

test('policy: each exception from the size of a function has its reason', () => {
  const bare = product.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /(?:oxlint|eslint)-disable/.test(line) && !/ -- .{10}/.test(line)
          ? [`${path}:${index + 1}: add the reason: -- REASON`]
          : [],
      ),
  )
  assert.deepEqual(bare, [])
})

test('policy: the guards of structure find exactly the marked lines of their fixture', () => {
  const path = 'e2e/policy/fixtures/structure.ts'
  const { text, code } = source(path)
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
  assert.deepEqual(lines(forcedTypes({ path, code })), marked('forced'))
  assert.deepEqual(lines(conditionalSpreads({ path, code })), marked('spread'))
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
