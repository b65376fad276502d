/**
 * Failures of this coordinator's own disk or database. They pass, and they say nothing about the
 * host or the log that was looked at when they came.
 */
import { MusterError } from '../../shared/errors.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'

const CODES: ReadonlySet<string> = new Set([
  'database.full',
  'database.busy',
  'database.unreachable',
  'database.outcome-unknown',
  'ledger.storage',
])

export function isOwnTrouble(error: unknown): boolean {
  return isStorageFailure(error) || (error instanceof MusterError && CODES.has(error.code))
}
