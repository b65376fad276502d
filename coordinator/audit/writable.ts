/**
 * What goes on while the log cannot be signed, such as on a full disk: nothing more is changed, and
 * what was signed before can still be read and proved. Nobody has to restart anything: the first
 * change after there is room again signs what is due.
 */
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { databaseError } from '../database/errors.ts'
import { ledgerError } from './errors.ts'
import type { Ledger } from './ledger.ts'

type Signs = Pick<Ledger, 'behind' | 'checkpoint' | 'published'>

/**
 * Call it before a change. @throws ledger.storage, database.full, … where the last checkpoint
 * failed and cannot be made now either
 */
export async function requireWritable(ledger: Signs): Promise<void> {
  if (ledger.behind()) await ledger.checkpoint()
}

/**
 * The newest checkpoint that there is: one over everything if it can be made, else the one that was
 * published last.
 */
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
