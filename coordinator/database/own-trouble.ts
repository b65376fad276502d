/**
 * Failures of this coordinator's own disk or database. They are temporary, and they aren't failures
 * of a host or of the log.
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
