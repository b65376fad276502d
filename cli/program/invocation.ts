/**
 * Finds the command of a command line without loading it. Flags before the noun or the verb are
 * moved behind it. Everything after the command stays as it is.
 */
import type { LoadDeclaration, Registry } from './command.ts'
import { GLOBAL_VALUE_FLAGS } from './global-flags.ts'
import type { TopicName } from './topic-names.ts'

export type Invocation =
  | {
      readonly kind: 'command'
      readonly words: readonly string[]
      readonly load: LoadDeclaration
      readonly rest: readonly string[]
    }
  /** Help for the program or a noun. `asked` is false if the user left out the verb. */
  | { readonly kind: 'help'; readonly words: readonly string[]; readonly asked: boolean }
  | { readonly kind: 'topic'; readonly topic: TopicName }
  | { readonly kind: 'unknown'; readonly words: readonly string[]; readonly word: string }

const HELP = new Set(['-h', '--help'])

export function findInvocation(
  registry: Registry,
  argv: readonly string[],
  topics: readonly TopicName[],
): Invocation {
  const words: string[] = []
  const early: string[] = []
  let verbs: Readonly<Record<string, LoadDeclaration>> | undefined
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (HELP.has(word)) return { kind: 'help', words, asked: true }
    if (word.startsWith('-') && word !== '-' && word !== '--') {
      if (words.length === 0 && (word === '--version' || word === '-V'))
        return findInvocation(registry, ['version', ...argv.slice(index + 1)], topics)
      early.push(word)
      const value = argv[index + 1]
      if (!GLOBAL_VALUE_FLAGS.has(word) || value === undefined) continue
      early.push(value)
      index += 1
      continue
    }
    const rest = argv.slice(index + 1)
    if (words.length === 0 && word === 'help') return helpFor(registry, rest, topics)
    const load = find(registry, verbs, word)
    if (load === undefined) return { kind: 'unknown', words, word }
    words.push(word)
    if ('command' in load)
      return { kind: 'command', words, load: load.command, rest: [...early, ...rest] }
    verbs = load.verbs
  }
  return { kind: 'help', words, asked: argv.length === 0 }
}

type Found = { command: LoadDeclaration } | { verbs: Readonly<Record<string, LoadDeclaration>> }

function find(
  registry: Registry,
  verbs: Readonly<Record<string, LoadDeclaration>> | undefined,
  word: string,
): Found | undefined {
  if (verbs === undefined) return Object.hasOwn(registry, word) ? registry[word] : undefined
  const load = Object.hasOwn(verbs, word) ? verbs[word] : undefined
  return load === undefined ? undefined : { command: load }
}

/** `muster help repo sync` is `muster repo sync --help`; `muster help exit-codes` is a topic. */
function helpFor(
  registry: Registry,
  words: readonly string[],
  topics: readonly TopicName[],
): Invocation {
  const topic = topics.find((name) => name === words[0])
  if (topic !== undefined && !Object.hasOwn(registry, topic)) return { kind: 'topic', topic }
  return findInvocation(
    registry,
    [...words.filter((word) => !word.startsWith('-')), '--help'],
    topics,
  )
}
