/**
 * Reports the findings of the policies. Each has its file and line, and a failure contains the next
 * step.
 */
import assert from 'node:assert/strict'

/** Returns `path:line` of an index in the text of a file. */
export function placeOf(file: { readonly path: string }, text: string, index: number): string {
  return `${file.path}:${text.slice(0, index).split('\n').length}`
}

/** Fails if there is a finding. The message has all findings and the advice. */
export function assertNone(findings: readonly string[], advice: string): void {
  assert.deepEqual(findings, [], [...findings, `Next: ${advice}`].join('\n'))
}
