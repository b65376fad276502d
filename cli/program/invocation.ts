/**
 * Finds the command in the words of a command line before anything of it is loaded: flags that
 * stand before the noun or the verb are moved behind it, everything after the command is left
 * alone.
 */
import type { LoadDeclaration, Registry } from './command.ts'
import { GLOBAL_VALUE_FLAGS } from './global-flags.ts'

export type Invocation =
  | {
      readonly kind: 'command'
      readonly words: readonly string[]
      readonly load: LoadDeclaration
      readonly rest: readonly string[]
    }
  /**
   * Help for the program or a noun. `asked`: the user asked for it, as distinct from having left
   * out a word.
   */
  | { readonly kind: 'help'; readonly words: readonly string[]; readonly asked: boolean }
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'unknown'; readonly words: readonly string[]; readonly word: string }

const HELP = new Set(['-h', '--help'])

export function findInvocation(
  registry: Registry,
  argv: readonly string[],
  topics: readonly string[],
): Invocation {
  const words: string[] = []
  const early: string[] = []
  let verbs: Readonly<Record<string, LoadDeclaration>> | undefined
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] as string
    if (HELP.has(word)) return { kind: 'help', words, asked: true }
    if (word.startsWith('-') && word !== '-' && word !== '--') {
      if (words.length === 0 && (word === '--version' || word === '-V'))
        return findInvocation(registry, ['version', ...argv.slice(index + 1)], topics)
      early.push(word)
      if (GLOBAL_VALUE_FLAGS.has(word) && index + 1 < argv.length)
        early.push(argv[(index += 1)] as string)
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
  topics: readonly string[],
): Invocation {
  const [topic] = words
  if (topic !== undefined && topics.includes(topic) && !Object.hasOwn(registry, topic))
    return { kind: 'topic', topic }
  return findInvocation(
    registry,
    [...words.filter((word) => !word.startsWith('-')), '--help'],
    topics,
  )
}
