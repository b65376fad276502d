/**
 * Checks the rules for every declared command: its name, its summary, and that its examples parse.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Declaration, LoadDeclaration } from '../program/command.ts'
import { flagName } from '../program/flags.ts'
import { globalFlags } from '../program/global-flags.ts'
import { commandHelp, programHelp } from '../program/help.ts'
import { findInvocation } from '../program/invocation.ts'
import { parseCommand } from '../program/parse.ts'
import { PLANNED_COMMANDS } from '../program/planned-commands.ts'
import { TOPIC_NAMES } from '../program/topic-names.ts'
import { TOPICS } from '../program/topics.ts'
import { VERSION } from '../../shared/version.ts'
import { runMuster } from '../testing/run-muster.ts'
import { registry } from './index.ts'

async function declarations(): Promise<{ words: string[]; command: Declaration }[]> {
  const load = async (
    words: string[],
    load: LoadDeclaration,
  ): Promise<{ words: string[]; command: Declaration }> => ({
    words,
    command: (await load()).command,
  })
  const nested = Object.entries(registry).map(async ([noun, entry]) =>
    'verbs' in entry
      ? Promise.all(Object.entries(entry.verbs).map(([verb, get]) => load([noun, verb], get)))
      : [await load([noun], entry.command)],
  )
  return (await Promise.all(nested)).flat()
}

const all = await declarations()

test('commands: summaries are one lower-case line without a period', () => {
  const summaries = [
    ...Object.entries(registry).map(([noun, { summary }]) => [noun, summary] as const),
    ...all.flatMap(({ words, command }) => [
      [words.join(' '), command.summary] as const,
      ...Object.entries({ ...command.flags, ...command.arguments }).map(
        ([name, { summary }]) => [`${words.join(' ')} ${name}`, summary] as const,
      ),
    ]),
  ]
  for (const [what, summary] of summaries)
    assert.match(summary, /^(?![A-Z][a-z])[^\n]{3,160}(?<!\.)$/, what)
})

test('commands: no flag shadows a global one, and short flags are unique', () => {
  const taken = new Set([...Object.keys(globalFlags), 'help', 'color', 'noColor'])
  for (const { words, command } of all) {
    const shorts = Object.values({ ...globalFlags, ...command.flags }).flatMap((spec) =>
      'short' in spec ? [spec.short] : [],
    )
    assert.equal(new Set(shorts).size, shorts.length, words.join(' '))
    for (const key of Object.keys(command.flags)) {
      assert.ok(!taken.has(key), `${words.join(' ')} --${key}`)
      assert.match(flagName(key), /^[a-z][a-z0-9-]*$/)
    }
  }
})

test('commands: only the last argument is variadic or optional', () => {
  for (const { words, command } of all) {
    const specs = Object.values(command.arguments)
    for (const spec of specs.slice(0, -1)) assert.ok(spec.variadic !== true, words.join(' '))
    const firstOptional = specs.findIndex((spec) => spec.optional === true)
    if (firstOptional >= 0)
      assert.ok(
        specs.slice(firstOptional).every((spec) => spec.optional === true),
        words.join(' '),
      )
    if (command.passThrough) assert.equal(specs.at(-1)?.variadic, true, words.join(' '))
  }
})

test('commands: every example is a command line that parses as this command', () => {
  for (const { words, command } of all) {
    assert.ok(command.examples.length > 0, words.join(' '))
    for (const { command: line } of command.examples) {
      const own = /(?:^|\(|\s)muster ([^|>)]*)/.exec(line)?.[1]
      assert.ok(own !== undefined, line)
      const argv = (own.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) =>
        word.replace(/^(['"])(.*)\1$/, '$2'),
      )
      const found = findInvocation(registry, argv, TOPIC_NAMES)
      assert.ok(found.kind === 'command' && found.words.join(' ') === words.join(' '), line)
      assert.doesNotThrow(() => parseCommand(found.words, command, found.rest), line)
    }
  }
})

test('commands: every handler loads and has a handle function', async () => {
  for (const { words, command } of all)
    assert.equal(typeof (await command.handler()).handle, 'function', words.join(' '))
})

test('commands: every help topic has a text', () => {
  assert.deepEqual(Object.keys(TOPICS).sort(), [...TOPIC_NAMES])
})

test('commands: the error of a planned command names a command that exists', async () => {
  for (const [words, instead] of PLANNED_COMMANDS) {
    const found = findInvocation(registry, words.split(' '), TOPIC_NAMES)
    assert.equal(found.kind, 'unknown', `${words} exists now`)
    const { code, stderr } = await runMuster([...words.split(' '), '--all'])
    assert.deepEqual(
      [code, stderr],
      [
        2,
        `muster: error: \`muster ${words}\` does not exist in version ${VERSION}\n` +
          `muster: hint: ${instead}\n`,
      ],
    )
  }
})

test('commands: lines of help have at most 80 columns, except for examples', async () => {
  const pages = [
    programHelp(registry, TOPIC_NAMES),
    ...all.map(({ words, command }) => commandHelp(words, command)),
  ]
  for (const line of pages.join('\n').split('\n'))
    assert.ok(line.length <= 80 || /^ {2}(muster|source) /.test(line), line)
})
