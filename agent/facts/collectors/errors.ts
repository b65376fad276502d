/** Errors of reading package databases. */
import { defineErrors, MusterError } from '../../../shared/errors.ts'

export const collectorError = defineErrors({
  'facts.unreadable': {
    exit: 'failed',
    retryable: true,
    message: (d: { manager: string; path: string; reason: string }) =>
      `the ${d.manager} database ${d.path} can't be read: ${d.reason}`,
    hint: () =>
      'run the agent as a user who can read the database; until then the last known packages stay',
  },
  'facts.rpm': {
    exit: 'failed',
    retryable: true,
    message: (d: { folder: string; reason: string }) =>
      `rpm can't list the packages of its database in ${d.folder}: ${d.reason}`,
    hint: (d: { folder: string }) =>
      `install rpm, which alone reads this kind of database; or move ${d.folder} away if it is \
left over from another system`,
  },
})

/** Returns the reason of a failed read as text. */
export function reasonOf(error: unknown): string {
  if (error instanceof MusterError && typeof error.data['reason'] === 'string')
    return error.data['reason']
  return error instanceof Error ? error.message : String(error)
}
