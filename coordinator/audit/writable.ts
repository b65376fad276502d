/**
 * Behaviour while the log can't be signed, for example on a full disk. No change is made, and
 * signed entries can still be read and proved. No restart is needed: the first change after there
 * is space signs the pending entries.
 */
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { databaseError } from '../database/errors.ts'
import { ledgerError } from './errors.ts'
import type { Ledger } from './ledger.ts'

type Signs = Pick<Ledger, 'behind' | 'checkpoint' | 'published'>

/**
 * Call it before a change.
 * @throws ledger.storage, database.full, … if the last checkpoint failed and can't be made now
 * either
 */
export async function requireWritable(ledger: Signs): Promise<void> {
  if (ledger.behind()) await ledger.checkpoint()
}

/** A checkpoint of all entries if it can be made, else the one that was published last. */
export async function newestSigned(ledger: Signs, signal?: AbortSignal): Promise<Checkpoint> {
  try {
    return await ledger.checkpoint(signal)
  } catch (error) {
    const published = ledger.published()
    const unwritable =
      ledgerError.is(error, 'ledger.storage') || databaseError.is(error, 'database.full')
    if (published === undefined || !unwritable) throw error
    return published
  }
}
