/** What a schema refuses, in words for a person. */
import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/**
 * `field: expected …`. It never holds the value, which may be a secret or very long.
 * @param otherwise names a value that is not inside an object
 */
export function describeIssue(issue: Issue | undefined, otherwise = 'arguments'): string {
  const field = issue?.path.filter((part) => typeof part === 'string').join('.') || otherwise
  return `${field}: ${expectation(issue)}`
}

/** What is expected, in the schema's own words where it has some. */
export function expectation(issue: Issue | undefined): string {
  if (issue === undefined) return 'it is not valid'
  // The reason why a key is refused stands one level below.
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
