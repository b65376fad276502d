/** Prints possible last words of a command line. Prints nothing for a file or a free value. */
import type { Declaration, Registry } from '../../program/command.ts'
import { type FlagSpec, type FlagSpecs, flagName } from '../../program/flags.ts'
import type { CommandContext } from '../../program/handler.ts'
import { GLOBAL_VALUE_FLAGS, globalFlags } from '../../program/global-flags.ts'
import { OUTPUT_FORMATS } from '../../terminal/format.ts'
import { findInvocation } from '../../program/invocation.ts'

export async function handle(
  context: CommandContext<unknown, { words: readonly string[] }>,
): Promise<void> {
  const found = await complete(context.registry, context.args.words ?? [])
  if (found.length > 0) await context.stdout.write(found.map((word) => `${word}\n`).join(''))
}

/** Returns the completions of the last word. */
export async function complete(commands: Registry, words: readonly string[]): Promise<string[]> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  return (await candidates(commands, before, current)).filter(
    (word) => word.startsWith(current) && word !== '',
  )
}

async function candidates(
  commands: Registry,
  before: readonly string[],
  current: string,
): Promise<string[]> {
  const invocation = findInvocation(commands, before, [])
  switch (invocation.kind) {
    case 'command':
      return ofCommand((await invocation.load()).command, invocation.rest, current)
    case 'help':
      return invocation.asked && before.length > 0
        ? []
        : ofWords(commands, invocation.words, before, current)
    default:
      return []
  }
}

/** Nouns, the verbs of a noun, or the values of a flag before them. */
function ofWords(
  commands: Registry,
  words: readonly string[],
  before: readonly string[],
  current: string,
): string[] {
  const last = before.at(-1) ?? ''
  if (GLOBAL_VALUE_FLAGS.has(last)) return /^(-o|--output)$/.test(last) ? [...OUTPUT_FORMATS] : []
  if (current.startsWith('-')) return flagNames(globalFlags)
  const entry = words[0] === undefined ? undefined : commands[words[0]]
  if (entry !== undefined && 'verbs' in entry) return Object.keys(entry.verbs)
  return Object.keys(commands).filter((word) => !word.startsWith('__'))
}

const flagNames = (flags: FlagSpecs): string[] => [
  ...Object.keys(flags).map((key) => `--${flagName(key)}`),
  '--no-color',
  '--help',
]

/** Flags, the choices of a flag, or the choices of an argument. */
function ofCommand(declaration: Declaration, before: readonly string[], current: string): string[] {
  const flags: FlagSpecs = { ...declaration.flags, ...globalFlags }
  const byName = new Map<string, FlagSpec>(
    Object.entries(flags).flatMap(([key, spec]) => [
      [`--${flagName(key)}`, spec] as const,
      ...(spec.short === undefined ? [] : [[`-${spec.short}`, spec] as const]),
    ]),
  )
  let position = 0
  let waiting: FlagSpec | undefined
  for (const word of before) {
    if (waiting !== undefined) waiting = undefined
    else if (word.startsWith('-')) {
      // The words after -- belong to the remote command.
      if (word === '--' && declaration.passThrough) return []
      const flag = byName.get(word)
      waiting = flag === undefined || flag.type === 'boolean' ? undefined : flag
    } else if (declaration.passThrough) return []
    else position += 1
  }
  if (waiting !== undefined) return waiting.type === 'choice' ? [...waiting.choices] : []
  if (current.startsWith('-')) return flagNames(flags)
  return [...(Object.values(declaration.arguments)[position]?.choices ?? [])]
}
