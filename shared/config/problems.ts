/**
 * Converts zod's issues to messages of the form `expected …, got …`, with a suggestion for a
 * mistyped key.
 */
import { z } from 'zod'
import { closest } from '../suggest.ts'
import { joinPath, type KeyPath, type Problem } from './document.ts'

/** Values of these keys are never quoted in a message. */
const SECRET = /password|secret|token|passphrase/
/** Enough to recognise a value on one line. */
const MAX_QUOTED = 60

export interface Finding {
  readonly path: KeyPath
  readonly text: string
  /** True if the key itself is wrong, not its value. */
  readonly atKey: boolean
}

/** Returns one finding for each problem of `value`. */
export function findings(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
): Finding[] {
  const seen = new Set<string>()
  return issues.flatMap((issue): Finding[] => {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path, value)
      return issue.keys.map((key) => {
        const meant = closest(key, known)
        const hint =
          meant === undefined
            ? known.length > 0
              ? `; known here: ${known.join(', ')}`
              : ''
            : `; did you mean ${JSON.stringify(meant)}?`
        return {
          path: [...path, key],
          text: `unknown key ${JSON.stringify(key)}${hint}`,
          atKey: true,
        }
      })
    }
    // A text in place of a list also counts as "too long". Only the first issue helps.
    if (seen.has(joinPath(path))) return []
    seen.add(joinPath(path))
    return [{ path, text: sentence(issue, schema, path, value), atKey: false }]
  })
}

function sentence(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  path: KeyPath,
  root: unknown,
): string {
  const value = valueAt(root, path)
  const got = `, got ${describe(path, value)}`
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return `expected ${typeName(issue.expected)}, but it is missing`
      return `expected ${typeName(issue.expected)}${got}${confusion(issue.expected, value)}`
    case 'invalid_value':
      return value === undefined
        ? `expected ${choices(issue.values)}, but it is missing`
        : `expected ${choices(issue.values)}${got}${nearest(value, issue.values)}`
    case 'invalid_union': {
      const options = discriminators(schema, path, root)
      if (options.length === 0) return `expected another kind of value${got}`
      return value === undefined
        ? `expected ${choices(options)}, but it is missing`
        : `expected ${choices(options)}${got}${nearest(value, options)}`
    }
    case 'too_small':
      return `expected at least ${counted(issue.minimum, issue.origin)}${got}`
    case 'too_big':
      return `expected at most ${counted(issue.maximum, issue.origin)}${got}`
    default:
      // Messages of formats.ts state the expected form.
      return issue.message.startsWith('expected')
        ? issue.message + got
        : `not valid: ${issue.message.toLowerCase()}${got}`
  }
}

function counted(limit: number | bigint, origin: string): string {
  if (origin === 'string') return `${limit} characters`
  return origin === 'array' ? `${limit} ${limit === 1 ? 'entry' : 'entries'}` : String(limit)
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    object: 'a map',
    array: 'a list',
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  }
  return names[expected] ?? expected
}

/**
 * Returns hints for two common surprises: YAML 1.2 has only true and false, and an unquoted 1.10 is
 * the number 1.1.
 */
function confusion(expected: string, value: unknown): string {
  if (expected === 'boolean' && typeof value === 'string' && /^(yes|no|on|off)$/i.test(value))
    return '; YAML has only true and false'
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return '; put it in quotes'
  if (expected === 'number' && typeof value === 'string' && /^[\d_,.]+$/.test(value))
    return '; write digits only'
  return ''
}

function choices(values: readonly unknown[]): string {
  const names = values.map(String)
  return names.length === 1 ? names.join() : `one of ${names.join(', ')}`
}

function nearest(value: unknown, values: readonly unknown[]): string {
  const meant = typeof value === 'string' ? closest(value, values.map(String)) : undefined
  return meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`
}

function describe(path: KeyPath, value: unknown): string {
  if (path.some((step) => SECRET.test(String(step)))) return 'something else'
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  const text = JSON.stringify(value)
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value
}

type Def = z.core.$ZodTypeDef & {
  innerType?: z.ZodType
  in?: z.ZodType
  out?: z.ZodType
  shape?: Record<string, z.ZodType>
  element?: z.ZodType
  options?: z.ZodType[]
  discriminator?: string
  values?: unknown[]
}
const defOf = (schema: z.ZodType): Def => schema.def

/** Returns the schema inside optional, default and transform. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const def = defOf(schema)
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined)
  return inner === undefined ? schema : unwrap(inner)
}

/** Returns the schema at `path`. The value's discriminator selects a part of a union. */
function schemaAt(schema: z.ZodType, path: KeyPath, value: unknown): z.ZodType | undefined {
  const bare = unwrap(schema)
  const def = defOf(bare)
  if (def.options !== undefined && path.length > 0) {
    const option = def.options.find((candidate) => {
      const field = defOf(candidate).shape?.[def.discriminator ?? '']
      return (
        field !== undefined &&
        (defOf(unwrap(field)).values ?? []).includes(valueAt(value, [def.discriminator ?? '']))
      )
    })
    return option === undefined ? undefined : schemaAt(option, path, value)
  }
  const [step, ...rest] = path
  if (step === undefined) return bare
  const next = typeof step === 'number' ? def.element : def.shape?.[step]
  return next === undefined ? undefined : schemaAt(next, rest, valueAt(value, [step]))
}

function keysAt(schema: z.ZodType, path: KeyPath, value: unknown): string[] {
  const found = schemaAt(schema, path, value)
  if (found === undefined) return []
  const def = defOf(found)
  if (def.options === undefined) return Object.keys(def.shape ?? {})
  const kind = valueAt(valueAt(value, path), [def.discriminator ?? ''])
  const option = def.options.find((candidate) => {
    const field = defOf(candidate).shape?.[def.discriminator ?? '']
    return field !== undefined && (defOf(unwrap(field)).values ?? []).includes(kind)
  })
  return option === undefined ? [] : Object.keys(defOf(option).shape ?? {})
}

/** Returns the valid discriminator values at `path` (its last step). */
function discriminators(schema: z.ZodType, path: KeyPath, value: unknown): unknown[] {
  const union = schemaAt(schema, path.slice(0, -1), value)
  const key = path.at(-1)
  return (union === undefined ? [] : (defOf(union).options ?? [])).flatMap((option) => {
    const field = defOf(option).shape?.[String(key)]
    return field === undefined ? [] : (defOf(unwrap(field)).values ?? [])
  })
}

/** Writes `file:line:col key.path: text`, without the key path if the text names the key. */
export function formatProblem(problem: Problem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`
  const path = problem.path
    .map((step, index) =>
      typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`,
    )
    .join('')
  return path === '' ? `${where}: ${problem.text}` : `${where} ${path}: ${problem.text}`
}
