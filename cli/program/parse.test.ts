/** Checks that every wrong word has an error, and that a remote command is never changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../../shared/errors.ts'
import { command as grantAdd } from '../commands/grant/add.ts'
import { defineCommand, type Declaration, type Registry } from './command.ts'
import type { FlagSpecs } from './flags.ts'
import { findInvocation } from './invocation.ts'
import { parseCommand } from './parse.ts'

const flags = {
  on: { type: 'list', value: 'HOST', summary: 'hosts' },
  env: { type: 'pairs', value: 'K=V', summary: 'variables' },
  memory: { type: 'size', value: 'SIZE', summary: 'a size', min: 65_536 },
  timeout: { type: 'duration', value: 'TIME', summary: 'a time', default: 1000, max: 7_200_000 },
  level: { type: 'choice', value: 'LEVEL', choices: ['observe', 'control'], summary: 'a choice' },
  count: { type: 'integer', value: 'N', summary: 'a number', min: 1, max: 9 },
} as const satisfies FlagSpecs
const shared = {
  summary: 'x',
  flags,
  examples: [],
  handler: async () => ({ handle: async () => undefined }),
}
const one = defineCommand({
  ...shared,
  arguments: { word: { summary: 'a word', optional: true, choices: ['a', 'b'] } },
})
const pass = defineCommand({
  ...shared,
  arguments: { command: { summary: 'words', variadic: true } },
  passThrough: true,
})

const parsed = (
  declaration: Declaration,
  words: readonly string[],
): Exclude<ReturnType<typeof parseCommand>, 'help'> => {
  const result = parseCommand(['x'], declaration, words)
  assert.notEqual(result, 'help')
  return result as Exclude<typeof result, 'help'>
}

test('parse: errors of flags contain the expected and the given value', () => {
  const cases: [string[], RegExp, RegExp?][] = [
    [['--tiemout', '1s'], /unknown option '--tiemout'/, /did you mean --timeout\?/],
    [['--ouput=json'], /unknown option '--ouput=json'/, /did you mean --output\?/],
    [['--zzzzzz'], /unknown option '--zzzzzz'/, /^see `muster x --help`$/],
    [['--memory', 'much'], /^--memory: expected a size, such as 512M or 10G, got "much"$/],
    [
      ['--timeout', 'soon'],
      /^--timeout: expected a duration, such as 10s, 15m or 30d, got "soon"$/,
    ],
    [['--count', '0'], /^--count: expected at least 1, got "0"$/],
    [['--count', '10'], /^--count: expected at most 9, got "10"$/],
    [['--count', '1e3'], /^--count: expected a whole number, got "1e3"$/],
    [['--level', 'root'], /^--level: expected one of observe, control, got "root"$/],
    [['--env', 'x'], /^--env: expected KEY=VALUE, got "x"$/],
    [['--env', '=x'], /^--env: expected KEY=VALUE, got "=x"$/],
    [['-o', 'xml'], /^--output: expected one of table, wide, json, yaml, name, got "xml"$/],
    [['a', 'b'], /too many arguments/],
    [['c'], /'c' is invalid for argument 'word'. Allowed choices are a, b/],
    [['--on'], /option '--on <value>' argument missing/],
    [['--home', ''], /^--home: expected a value, got ""$/, /^leave it out to use the default$/],
    [['--on', ''], /^--on: expected a value, got ""$/],
    [['--on', ' a'], /^--on: expected no blanks around it, got " a"$/],
    [['--on', 'a\u200b'], /^--on: expected no control or invisible characters, got /],
    [['--context', 'a\nb'], /^--context: expected no control or invisible characters/],
    [['--count', 'x'.repeat(5000)], /^--count: expected a whole number, got "x{80}…"$/],
    [['--timeout', '3h'], /^--timeout: expected at most 2h, got "3h"$/],
    [['--memory', '1K'], /^--memory: expected at least 64K, got "1K"$/],
  ]
  for (const [words, message, hint] of cases) {
    assert.throws(
      () => parseCommand(['x'], one, words),
      (error) =>
        error instanceof MusterError &&
        error.exit === 'usage' &&
        message.test(error.message) &&
        (hint === undefined || hint.test(error.hint ?? '')),
      words.join(' '),
    )
  }
  assert.throws(() => parseCommand(['x'], pass, []), /missing required argument 'command'/)
})

test('parse: a grant ends before the year 9999', () => {
  const words = ['--to', 'SHA256:x', '--namespace', 'run', '--level', 'observe', '--ttl']
  assert.equal(parsed(grantAdd, [...words, '3650d']).flags['ttl'], 315_360_000_000)
  for (const ttl of ['3651d', '99999999d', '9007199254740991'])
    assert.throws(
      () => parseCommand(['x'], grantAdd, [...words, ttl]),
      { code: 'cli.usage', message: /--ttl: expected/ },
      ttl,
    )
})

test('parse: a pair is split at the first =, and may have the name of an object property', () => {
  assert.deepEqual(parsed(one, ['--env', 'A=1', '--env', 'B=x=y', '--env', 'A=2']).flags.env, {
    A: '2',
    B: 'x=y',
  })
  const odd = parsed(one, ['--env', '__proto__=1', '--env', 'constructor=2']).flags.env as object
  assert.deepEqual(Object.entries(odd).sort(), [
    ['__proto__', '1'],
    ['constructor', '2'],
  ])
})

test('parse: words from the first one on go to the host unchanged, without a leading --', () => {
  const cases: [string[], string[]][] = [
    [
      ['--on', 'a', '--', 'sh', '-c', 'x'],
      ['sh', '-c', 'x'],
    ],
    [
      ['--on', 'a', 'sh', '--', 'x', '--on', 'b'],
      ['sh', '--', 'x', '--on', 'b'],
    ],
    [
      ['--on', 'a', '--', '--', 'x'],
      ['--', 'x'],
    ],
    [
      ['--on', 'a', 'ls', '--help', '--bogus', '-o', 'json'],
      ['ls', '--help', '--bogus', '-o', 'json'],
    ],
    [
      ['--on', 'a', '--', '-weird', ''],
      ['-weird', ''],
    ],
  ]
  for (const [words, command] of cases) {
    const { flags: given, args, globals } = parsed(pass, words)
    assert.deepEqual([given.on, args.command, globals.output], [['a'], command, 'table'])
  }
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (command) => {
      assert.deepEqual(parsed(pass, ['--on', 'a', '--', ...command]).args.command, command)
    }),
  )
})

const load = async (): Promise<{ command: Declaration }> => ({ command: one })
const registry: Registry = {
  repo: { summary: 'x', verbs: { sync: load, list: load } },
  run: { summary: 'x', command: load },
}

test('invocation: flags before the noun and the verb move behind it, the rest stays', () => {
  const cases: [string, string, string][] = [
    ['repo sync --all', 'repo sync', '--all'],
    ['--home repo repo sync x', 'repo sync', '--home repo x'],
    ['-o json repo -q sync x', 'repo sync', '-o json -q x'],
    ['--output=json run -- repo sync', 'run', '--output=json -- repo sync'],
    ['run repo sync', 'run', 'repo sync'],
  ]
  for (const [line, words, rest] of cases) {
    const found = findInvocation(registry, line.split(' '), [])
    assert.equal(found.kind, 'command', line)
    assert.deepEqual(
      found.kind === 'command' && [found.words.join(' '), found.rest.join(' ')],
      [words, rest],
      line,
    )
  }
})

test('invocation: distinguishes help, topics and unknown words', () => {
  const kinds: [string, object][] = [
    ['', { kind: 'help', words: [], asked: true }],
    ['--help', { kind: 'help', words: [], asked: true }],
    ['help', { kind: 'help', words: [], asked: true }],
    ['repo', { kind: 'help', words: ['repo'], asked: false }],
    ['repo -h', { kind: 'help', words: ['repo'], asked: true }],
    ['help repo', { kind: 'help', words: ['repo'], asked: true }],
    ['help exit-codes', { kind: 'topic', topic: 'exit-codes' }],
    ['reop sync', { kind: 'unknown', words: [], word: 'reop' }],
    ['repo snyc', { kind: 'unknown', words: ['repo'], word: 'snyc' }],
    ['repo toString', { kind: 'unknown', words: ['repo'], word: 'toString' }],
    ['__proto__', { kind: 'unknown', words: [], word: '__proto__' }],
    ['--', { kind: 'unknown', words: [], word: '--' }],
  ]
  for (const [line, expected] of kinds)
    assert.deepEqual(
      findInvocation(registry, line === '' ? [] : line.split(' '), ['exit-codes']),
      expected,
      line,
    )
  const asked = findInvocation(registry, ['help', 'repo', 'sync'], [])
  assert.deepEqual(asked.kind === 'command' && asked.rest, ['--help'])
  assert.equal(parseCommand(['repo', 'sync'], one, ['--help']), 'help')
})
