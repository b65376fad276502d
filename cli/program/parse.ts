/**
 * Parses the words after a command with commander. The command's declaration and the global flags
 * define them.
 */
import { Argument, Command, CommanderError, Option } from 'commander'
import { closest } from '../../shared/suggest.ts'
import type { Declaration } from './command.ts'
import { type ArgumentSpec, type FlagSpecs, flagName } from './flags.ts'
import { cliError } from '../terminal/errors.ts'
import { absentFlag, checkText, parseFlag } from './flag-value.ts'
import { type GlobalFlags, globalFlags } from './global-flags.ts'

export interface Parsed {
  readonly flags: Readonly<Record<string, unknown>>
  readonly args: Readonly<Record<string, unknown>>
  readonly globals: GlobalFlags
}

/** Returns the values, or `help` for --help. @throws cli.usage */
export function parseCommand(
  words: readonly string[],
  declaration: Declaration,
  rest: readonly string[],
): Parsed | 'help' {
  const command = new Command(words.join(' '))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .showSuggestionAfterError(false)
    .allowExcessArguments(false)
    .helpOption('-h, --help')
  if (declaration.passThrough) command.passThroughOptions()
  for (const [name, spec] of Object.entries(declaration.arguments)) {
    const shown = spec.variadic === true ? `${name}...` : name
    const argument = new Argument(spec.optional === true ? `[${shown}]` : `<${shown}>`)
    if (spec.choices !== undefined) argument.choices(spec.choices)
    else if (spec.accepts !== 'text' && !declaration.passThrough)
      argument.argParser((text: string, before: unknown) => parseArgument(name, spec, text, before))
    command.addArgument(argument)
  }
  addFlags(command, declaration.flags)
  addFlags(command, globalFlags)
  command.option('--no-color')
  let values: unknown[] = []
  command.action((...received: unknown[]) => {
    values = received
  })
  try {
    command.parse([...rest], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return 'help'
    throw usageError(words, declaration, error)
  }
  const given: Record<string, unknown> = command.opts()
  const pick = (specs: FlagSpecs): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(specs).map(([key, spec]) => [key, given[key] ?? absentFlag(spec)]),
    )
  return {
    flags: pick(declaration.flags),
    args: Object.fromEntries(
      Object.keys(declaration.arguments).map((name, index) => [name, values[index]]),
    ),
    // Each parser of a flag returns the type that the declaration states.
    globals: { ...pick(globalFlags), color: given.color !== false } as GlobalFlags,
  }
}

/** Parses one more word. `before` contains the earlier values of a variadic argument. */
function parseArgument(name: string, spec: ArgumentSpec, text: string, before: unknown): unknown {
  checkText(name.toUpperCase(), spec, text)
  if (spec.variadic !== true) return text
  return [...(Array.isArray(before) ? before : []), text]
}

function addFlags(command: Command, specs: FlagSpecs): void {
  for (const [key, spec] of Object.entries(specs)) {
    const name = flagName(key)
    const short = spec.short === undefined ? '' : `-${spec.short}, `
    const value = spec.type === 'boolean' ? '' : ' <value>'
    const option = new Option(`${short}--${name}${value}`)
    if (spec.type !== 'boolean')
      option.argParser((text, before) => parseFlag(name, spec, text, before))
    if ('required' in spec && spec.required === true) option.makeOptionMandatory()
    command.addOption(option)
  }
}

/** Converts commander's error to an error of Muster, with the most similar flag. */
function usageError(
  words: readonly string[],
  declaration: Declaration,
  error: CommanderError,
): Error {
  const help = `see \`muster ${words.join(' ')} --help\``
  const reason = error.message.replace(/^error: /, '').replace(/\.$/, '')
  const unknown = /^unknown option '(--[^'=]+)/.exec(reason)?.[1]
  const known = [
    ...Object.keys(declaration.flags),
    ...Object.keys(globalFlags),
    'noColor',
    'help',
  ].map((key) => `--${flagName(key)}`)
  const meant = unknown === undefined ? undefined : closest(unknown, known)
  return cliError(
    'cli.usage',
    { reason, hint: meant === undefined ? help : `did you mean ${meant}? ${help}` },
    { cause: error },
  )
}
