/** Describes the issues of a schema check as text. */
import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/**
 * `field: expected …`. It never contains the value, which may be a secret or very long.
 * @param otherwise the name of a value that isn't inside an object
 */
export function describeIssue(issue: Issue | undefined, otherwise = 'arguments'): string {
  const field = issue?.path.filter((part) => typeof part === 'string').join('.') || otherwise
  return `${field}: ${expectation(issue)}`
}

/** Returns the expectation, from the schema's message if it has one. */
export function expectation(issue: Issue | undefined): string {
  if (issue === undefined) return 'it is not valid'
  // The reason for a rejected key is one level below.
  if (issue.code === 'invalid_key') return expectation(issue.issues[0])
  if (issue.message.startsWith('expected')) return issue.message
  if (issue.code === 'too_small') return `expected at least ${amount(issue.minimum, issue.origin)}`
  if (issue.code === 'too_big') return `expected at most ${amount(issue.maximum, issue.origin)}`
  return 'it is not valid'
}

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item' }

function amount(bound: number | bigint, origin: string): string {
  const unit = UNITS[origin]
  if (unit === undefined) return String(bound)
  return `${bound} ${unit}${Number(bound) === 1 ? '' : 's'}`
}
