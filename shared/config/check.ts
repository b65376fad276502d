/** Checks values against a schema, and reports each problem at its position in a file. */
import type { z } from 'zod'
import { type ConfigDocument, joinPath, type KeyPath, type Problem } from './document.ts'
import { findings } from './problems.ts'

export type PlainMap = Record<string, unknown>

export const isMap = (value: unknown): value is PlainMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Checks the schema. Reports each problem in the last of the documents that has the key. */
export function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  documents: readonly ConfigDocument[],
  problems: Problem[],
): z.output<S> | undefined {
  let result = schema.safeParse(value)
  if (!result.success) {
    const coerced = coerce(value, result.error.issues, documents)
    if (coerced !== undefined) result = schema.safeParse(coerced)
  }
  if (result.success) return result.data
  for (const { path, text, atKey } of findings(schema, value, result.error.issues)) {
    problems.push(owner(documents, path).problem(path, text, atKey))
  }
  return undefined
}

/** Returns the last of the documents that contain most of the path. */
export function owner(documents: readonly ConfigDocument[], path: KeyPath): ConfigDocument {
  return documents.reduce((best, document) =>
    document.depth(path) >= best.depth(path) ? document : best,
  )
}

/**
 * Converts text from environment variables to numbers and booleans if the schema requires them.
 * Returns undefined if there is none. Other values stay text: `password: ${PASSWORD}` stays text
 * even if it contains only digits.
 */
function coerce(
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  documents: readonly ConfigDocument[],
): unknown {
  let copy: unknown
  for (const issue of issues) {
    const pattern = issue.code === 'invalid_type' ? TEXTS[issue.expected] : undefined
    if (pattern === undefined) continue
    const path = issue.path.filter((step) => typeof step !== 'symbol')
    if (!owner(documents, path).substituted.has(joinPath(path))) continue
    copy ??= structuredClone(value)
    convertAt(copy, path, pattern)
  }
  return copy
}

/** The texts that can be converted, by the type in the schema. */
const TEXTS: Readonly<Record<string, RegExp | undefined>> = {
  boolean: /^(true|false)$/,
  number: /^-?(0|[1-9]\d*)(\.\d+)?$/,
  int: /^-?(0|[1-9]\d*)(\.\d+)?$/,
}

/** Replaces the text at `path` if it matches the pattern. */
function convertAt(root: unknown, path: KeyPath, pattern: RegExp): void {
  let parent = root
  for (const step of path.slice(0, -1)) parent = Reflect.get(Object(parent), step)
  const key = path.at(-1)
  if (typeof parent !== 'object' || parent === null || key === undefined) return
  const text: unknown = Reflect.get(parent, key)
  if (typeof text === 'string' && pattern.test(text)) Reflect.set(parent, key, JSON.parse(text))
}
