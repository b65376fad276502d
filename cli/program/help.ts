/** Renders help pages from the declarations, with examples first, 80 columns wide. */
import type { Declaration, Registry } from './command.ts'
import { type FlagSpec, type FlagSpecs, flagName } from './flags.ts'
import { asTyped } from './flag-value.ts'
import { globalFlags } from './global-flags.ts'

const WIDTH = 80

/** Formats a flag as on the command line: `-o, --output FORMAT`. */
export function flagUsage(key: string, spec: FlagSpec): string {
  const value = spec.type === 'boolean' ? '' : ` ${spec.value}`
  return `${spec.short === undefined ? '' : `-${spec.short}, `}--${flagName(key)}${value}`
}

/** Describes the choices and the default of a flag, and whether it is required or repeatable. */
export function flagNotes(spec: FlagSpec): string {
  const notes: string[] = []
  if (spec.type === 'choice') notes.push(spec.choices.join('|'))
  if ('default' in spec && spec.default !== undefined && spec.default !== '')
    notes.push(`default ${asTyped(spec, spec.default)}`)
  if ('required' in spec && spec.required === true) notes.push('required')
  if (spec.type === 'list' || spec.type === 'pairs' || spec.type === 'variables')
    notes.push('repeatable')
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`
}

/** `muster repo sync [--flags] [ID]` */
export function usageLine(words: readonly string[], command: Declaration): string {
  const names = Object.entries(command.arguments).map(([name, spec]) => {
    const shown = name.toUpperCase() + (spec.variadic === true ? '...' : '')
    return spec.optional === true ? `[${shown}]` : shown
  })
  const flags = Object.keys(command.flags).length > 0 ? ['[--flags]'] : []
  return ['muster', ...words, ...flags, ...(command.passThrough ? ['[--]'] : []), ...names].join(
    ' ',
  )
}

export function commandHelp(words: readonly string[], command: Declaration): string {
  const sections = [
    sentence(command.summary),
    ...(command.description === undefined ? [] : [wrap(command.description)]),
  ]
  sections.push(`Usage: ${usageLine(words, command)}`)
  const examples = command.examples.map(({ command: line, does }) => example(line, does))
  sections.push(`Examples:\n${examples.join('\n')}`)
  const args = Object.entries(command.arguments)
  if (args.length > 0)
    sections.push(
      `Arguments:\n${columns(args.map(([name, spec]) => [name.toUpperCase(), spec.summary]))}`,
    )
  if (Object.keys(command.flags).length > 0) sections.push(`Flags:\n${flagList(command.flags)}`)
  sections.push(`Flags of every command:\n${globalFlagList()}`)
  return `${sections.join('\n\n')}\n`
}

export function nounHelp(
  noun: string,
  summary: string,
  verbs: readonly (readonly [verb: string, summary: string])[],
): string {
  return `${sentence(summary)}

Usage: muster ${noun} COMMAND [--flags]

Commands:
${columns(verbs)}

See \`muster ${noun} COMMAND --help\` for the flags and examples of a command.
`
}

export function programHelp(registry: Registry, topics: readonly string[]): string {
  const entries = Object.entries(registry).filter(([word]) => !word.startsWith('__'))
  const nouns = entries
    .filter(([, entry]) => 'verbs' in entry)
    .map(([noun, entry]) => [noun, entry.summary] as const)
  const words = entries
    .filter(([, entry]) => !('verbs' in entry))
    .map(([word, entry]) => [word, entry.summary] as const)
  return `Muster mirrors packages for a fleet of Linux hosts, lists their packages, and
runs processes on them.

Usage: muster NOUN VERB [--flags] [arguments]

Examples:
  muster demo --once                    a whole fleet on this machine
  muster run --on role=web -- uname -r  a command on every host with this label

Nouns:
${columns(nouns)}

Commands:
${columns(words)}

Flags of every command:
${globalFlagList()}

See \`muster NOUN --help\` for its verbs, and \`muster help TOPIC\` for
${topics.join(', ')}.
`
}

function flagList(flags: FlagSpecs): string {
  return columns(
    Object.entries(flags).map(([key, spec]) => [
      flagUsage(key, spec),
      `${spec.summary}${flagNotes(spec)}`,
    ]),
  )
}

function globalFlagList(): string {
  const own = Object.entries(globalFlags).map(
    ([key, spec]) => [flagUsage(key, spec), `${spec.summary}${flagNotes(spec)}`] as const,
  )
  return columns([
    ...own,
    ['--no-color', 'no colours; NO_COLOR does the same'],
    ['-h, --help', 'print this page'],
  ])
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(32, Math.max(0, ...rows.map(([left]) => left.length)))
  return rows
    .map(([left, right]) => {
      const lines = wrap(right, WIDTH - width - 4).split('\n')
      const first =
        left.length > width ? [`  ${left}`] : [`  ${left.padEnd(width)}  ${lines.shift()}`]
      return [...first, ...lines.map((line) => `  ${' '.repeat(width)}  ${line}`)].join('\n')
    })
    .join('\n')
}

/** Puts the explanation after the command line, or below it if there is not enough room. */
function example(line: string, does: string): string {
  const beside = `  ${line.padEnd(44)}  ${does}`
  return line.length <= 44 && beside.length <= WIDTH
    ? beside
    : `  ${line}\n${wrap(does, WIDTH - 6).replace(/^/gm, '      ')}`
}

/** Makes a sentence from a summary. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('?') ? '' : '.'}`
}

function wrap(text: string, width = WIDTH): string {
  return text
    .split('\n')
    .map((paragraph) =>
      paragraph.split(' ').reduce<string[]>((lines, word) => {
        const last = lines.at(-1)
        if (last === undefined || last.length + word.length + 1 > width) return [...lines, word]
        return [...lines.slice(0, -1), `${last} ${word}`]
      }, []),
    )
    .map((lines) => lines.join('\n'))
    .join('\n')
}
