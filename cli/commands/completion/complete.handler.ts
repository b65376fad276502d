/** Prints the words that may stand at the end of the given ones, one a line; nothing where a file or a free value may. */
import { type Declaration, type FlagSpec, type FlagSpecs, flagName, type Registry } from '../../command.ts'
import type { CommandContext } from '../../context.ts'
import { globalFlags } from '../../global-flags.ts'
import { registry } from '../index.ts'

export async function handle(context: CommandContext<unknown, { words: readonly string[] }>): Promise<void> {
  const found = await complete(registry, context.args.words ?? [])
  if (found.length > 0) await context.stdout.write(found.map((word) => `${word}\n`).join(''))
}

/** The completions of the last word. */
export async function complete(commands: Registry, words: readonly string[]): Promise<string[]> {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  return (await candidates(commands, before, current)).filter((word) => word.startsWith(current) && word !== '')
}

async function candidates(commands: Registry, before: readonly string[], current: string): Promise<string[]> {
  const [noun, second] = before.filter((word) => !word.startsWith('-'))
  if (noun === undefined) return Object.keys(commands).filter((word) => !word.startsWith('__'))
  const entry = Object.hasOwn(commands, noun) ? commands[noun] : undefined
  if (entry === undefined) return []
  if (!('verbs' in entry)) return ofCommand((await entry.command()).command, before.slice(before.indexOf(noun) + 1), current)
  if (second === undefined) return Object.keys(entry.verbs)
  const load = Object.hasOwn(entry.verbs, second) ? entry.verbs[second] : undefined
  return load === undefined ? [] : ofCommand((await load()).command, before.slice(before.indexOf(second) + 1), current)
}

/** Flags, the choices of a flag, or the choices of an argument. */
function ofCommand(declaration: Declaration, before: readonly string[], current: string): string[] {
  const flags: FlagSpecs = { ...declaration.flags, ...globalFlags }
  const byName = new Map<string, FlagSpec>(
    Object.entries(flags).flatMap(([key, spec]) => [[`--${flagName(key)}`, spec] as const, [`-${spec.short}`, spec] as const]),
  )
  const last = before.at(-1) ?? ''
  const waiting = byName.get(last)
  if (waiting !== undefined && waiting.type !== 'boolean') return waiting.type === 'choice' ? [...waiting.choices] : []
  if (current.startsWith('-')) return [...byName.keys(), '--no-color', '--help'].filter((name) => name.startsWith('--'))
  let position = 0
  for (const [index, word] of before.entries()) {
    const owner = byName.get(before[index - 1] ?? '')
    if (!word.startsWith('-') && (owner === undefined || owner.type === 'boolean')) position += 1
  }
  return [...(Object.values(declaration.arguments)[position]?.choices ?? [])]
}
