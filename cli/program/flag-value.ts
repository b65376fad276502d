/** Parses the text of a flag into the type that its declaration states. */
import { parseDuration, parseSize } from '../../shared/units.ts'
import { plainNameFault } from '../../shared/plain-name.ts'
import type { Accepts, FlagSpec } from './flags.ts'
import { cliError } from '../terminal/errors.ts'

/** The maximum number of values of one flag. Scripts don't need more. */
const MAX_REPEATS = 10_000

/**
 * Parses one more occurrence of the flag. `before` is its value so far.
 * @throws cli.usage
 */
export function parseFlag(name: string, spec: FlagSpec, text: string, before: unknown): unknown {
  switch (spec.type) {
    case 'boolean':
      return true
    case 'string':
      checkText(`--${name}`, spec, text)
      return text
    case 'choice':
      if (!spec.choices.includes(text))
        throw refuse(name, text, `one of ${spec.choices.join(', ')}`)
      return text
    case 'integer':
      if (!/^\d{1,15}$/.test(text)) throw refuse(name, text, 'a whole number')
      return bounded(name, spec, text, Number(text))
    case 'size':
      return bounded(
        name,
        spec,
        text,
        convert(name, text, parseSize, 'a size, such as 512M or 10G'),
      )
    case 'duration':
      return bounded(
        name,
        spec,
        text,
        convert(name, text, parseDuration, 'a duration, such as 10s, 15m or 30d'),
      )
    case 'list':
      checkText(`--${name}`, spec, text)
      return appended(name, text, before)
    case 'pairs':
      if (text.indexOf('=') <= 0) throw refuse(name, text, 'KEY=VALUE')
      return Object.fromEntries([...Object.entries(before ?? {}), pairOf(text)])
    case 'variables':
      // The text may contain a secret, so the message doesn't quote it.
      if (text === '' || text.startsWith('=')) throw refuse(name, '', 'NAME=VALUE or NAME')
      return Object.fromEntries([...Object.entries(before ?? {}), pairOf(text)])
    default:
      return spec satisfies never
  }
}

function appended(name: string, text: string, before: unknown): string[] {
  const list = [...(Array.isArray(before) ? before : []), text]
  if (list.length > MAX_REPEATS) throw refuse(name, text, `at most ${MAX_REPEATS} times`)
  return list
}

/** Splits `K=V` into key and value. If there is no `=`, the value is undefined. */
function pairOf(text: string): [key: string, value: string | undefined] {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)]
}

/** @throws cli.usage if a flag or an argument doesn't accept this text */
export function checkText(
  name: string,
  spec: { readonly accepts?: Accepts; readonly required?: true; readonly optional?: true },
  text: string,
): void {
  if (spec.accepts === 'text') return
  const fault =
    spec.accepts === 'path' ? (text === '' ? 'a value' : undefined) : plainNameFault(text)
  if (fault === undefined) return
  const optional = name.startsWith('--') ? spec.required !== true : spec.optional === true
  throw cliError('cli.usage', {
    reason: `${name}: expected ${fault}, got ${quoted(text)}`,
    hint: optional ? 'leave it out to use the default' : 'see --help',
  })
}

/** The number of characters after which a message cuts a text. */
const SHOWN_CHARACTERS = 80

/** Formats a text for a message. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
  return JSON.stringify(shown.toWellFormed())
}

/** Returns the value of a flag that is not on the command line. */
export function absentFlag(spec: FlagSpec): unknown {
  if (spec.type === 'boolean') return false
  if (spec.type === 'list') return []
  if (spec.type === 'pairs' || spec.type === 'variables') return {}
  return 'default' in spec ? spec.default : undefined
}

function convert(
  name: string,
  text: string,
  parse: (text: string) => number,
  expected: string,
): number {
  try {
    return parse(text)
  } catch (cause) {
    throw refuse(name, text, expected, cause)
  }
}

function bounded(
  name: string,
  spec: FlagSpec & { min?: number; max?: number },
  text: string,
  value: number,
): number {
  if (spec.min !== undefined && value < spec.min)
    throw refuse(name, text, `at least ${asTyped(spec, spec.min)}`)
  if (spec.max !== undefined && value > spec.max)
    throw refuse(name, text, `at most ${asTyped(spec, spec.max)}`)
  return value
}

function refuse(name: string, text: string, expected: string, cause?: unknown): Error {
  return cliError(
    'cli.usage',
    { reason: `--${name}: expected ${expected}, got ${quoted(text)}`, hint: 'see --help' },
    { cause },
  )
}

const UNITS = {
  duration: { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 },
  size: { G: 1_073_741_824, M: 1_048_576, K: 1024, '': 1 },
} as const

/** Formats a value of the flag as a user types it: `15m`, `64M`. */
export function asTyped(spec: FlagSpec, value: string | number): string {
  if (typeof value === 'string' || (spec.type !== 'duration' && spec.type !== 'size'))
    return String(value)
  const found = Object.entries(UNITS[spec.type]).find(([, each]) => value % each === 0)
  const [unit, size] = found ?? ['', 1]
  return `${value / size}${unit}`
}
