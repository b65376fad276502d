/** Checks that each command in a hint, a message or a note can be typed unchanged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Declaration } from '../../cli/program/command.ts'
import { flagName } from '../../cli/program/flags.ts'
import { registry } from '../../cli/commands/index.ts'
import { globalFlags } from '../../cli/program/global-flags.ts'
import { findInvocation } from '../../cli/program/invocation.ts'
import { parseCommand } from '../../cli/program/parse.ts'
import { TOPIC_NAMES } from '../../cli/program/topic-names.ts'
import { allErrors, form } from '../../tools/docs-errors.ts'
import { sources } from '../../tools/sources.ts'
import { assertNone } from './findings.ts'

/** The end of a clause. */
const PUNCTUATION = /[.,;:)`'"]+$/
/** A placeholder that the reader replaces: RUN, <run>, FILE.pub. */
const PLACEHOLDER = /^(<[\w.-]+>|[A-Z][A-Z0-9_.|]*|-)$/

/** Returns each `muster …` in the text, up to the last word of its command line. */
async function commandsOf(text: string): Promise<{ argv: string[]; command: Declaration }[]> {
  const found: { argv: string[]; command: Declaration }[] = []
  for (const match of text.matchAll(/(?<![\w/-])muster ((?:[a-z_<-][^\s]*)(?: [^\s]+)*)/g)) {
    const words = (match[1] as string).split(' muster ')[0]?.split(' ') ?? []
    const bare = words.map((word) => word.replace(PUNCTUATION, '').replace(/\u0060/g, ''))
    if (!Object.hasOwn(registry, bare[0] as string)) continue
    const invocation = findInvocation(registry, bare.slice(0, 2), TOPIC_NAMES)
    assert.ok(invocation.kind === 'command', `muster ${bare.slice(0, 2).join(' ')}: ${text}`)
    const { command } = await invocation.load()
    const argv = [...invocation.words]
    // Nothing follows a command whose last word ends a clause.
    const ends = (at: number): boolean => PUNCTUATION.test(words[at] ?? '')
    for (let at = argv.length; at < bare.length && !ends(at - 1); at += 1) {
      const word = bare[at] as string
      if (word === '--help') return [...found, { argv: [...argv, word], command }]
      if (word === '--') {
        argv.push(word, 'COMMAND')
        break
      }
      if (word.startsWith('-')) {
        argv.push(word)
        const key = Object.entries({ ...command.flags, ...globalFlags }).find(
          ([name, spec]) =>
            `--${flagName(name)}` === word || ('short' in spec && `-${spec.short}` === word),
        )
        if (key !== undefined && key[1].type !== 'boolean') argv.push(sample(bare[(at += 1)] ?? ''))
      } else if (PLACEHOLDER.test(word)) argv.push(word)
      else break
    }
    found.push({ argv, command })
  }
  return found
}

/** A choice or a number must be a real value. */
function sample(word: string): string {
  if (word === '<level>') return 'observe'
  return word
}

const texts = async (): Promise<(readonly [where: string, text: string])[]> => [
  ...[...(await allErrors())].map(
    ([code, kind]) => [code, kind.hint === undefined ? '' : form(kind.hint)] as const,
  ),
  // Hints and notes outside of the tables.
  ...sources()
    .filter(({ path, isTest }) => !isTest && /^(cli|coordinator|agent|node|shared)\//.test(path))
    .flatMap(({ path, text }) =>
      [
        ...text.matchAll(
          /\b(?:hint:|note\(|mend:|fix:|goesOn =)\s*(['"`])((?:(?!\1)[^\\\n]|\\.)*)\1/g,
        ),
      ].map(
        (match) =>
          [
            path,
            (match[2] as string).replace(/\$\{[^}]*\}/g, '<value>').replace(/\\`/g, '`'),
          ] as const,
      ),
    ),
]

test('policy: every command in a hint parses, with all that it needs', async () => {
  const wrong: string[] = []
  let seen = 0
  for (const [where, text] of await texts())
    for (const { argv, command } of await commandsOf(text)) {
      seen += 1
      const words = findInvocation(registry, argv, TOPIC_NAMES)
      if (words.kind === 'help') continue
      assert.ok(words.kind === 'command', text)
      try {
        parseCommand(words.words, command, words.rest)
      } catch (error) {
        wrong.push(`${where}: muster ${argv.join(' ')}: ${(error as Error).message}`)
      }
    }
  assert.ok(seen > 40, `${seen} commands`)
  assertNone(wrong, 'name a command and flags of docs/CLI.md')
})

test('policy: no hint grants, confirms or removes more than one named thing', async () => {
  for (const [where, text] of await texts()) {
    if (/grant add --to/.test(text)) assert.match(text, /^(?!.*--on all).*--ttl 1h/, where)
    assert.doesNotMatch(
      text,
      /rm -rf?\b|chmod (?!600 |go-w )|--force\b|--depth [1-9]|\bsudo rm\b/,
      `${where}: ${text}`,
    )
  }
})

test('policy: the hint of a refusal grants exactly the requested right, for an hour', async () => {
  const kind = (await allErrors()).get('trust.denied')
  const hint = (data: object): string => kind?.hint?.(data as never) ?? ''
  const denied = {
    actor: 'SHA256:x',
    namespace: 'run',
    level: 'control',
    reason: 'no grant names it',
    on: 'web-1',
  }
  assert.equal(
    hint(denied),
    'an operator can allow it for an hour: ' +
      '`muster grant add --to SHA256:x --namespace run --level control --on web-1 --ttl 1h`',
  )
  assert.match(hint({ ...denied, namespace: 'repo/epel9', on: '' }), /--level control --ttl 1h`$/)
  assert.match(hint({ ...denied, on: undefined }), /--on HOST --ttl 1h`$/)
  assert.doesNotMatch(hint({ ...denied, reason: 'its key was revoked' }), /grant add/)
})
