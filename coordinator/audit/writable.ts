/**
 * Handles a log that can't be signed, for example on a full disk. Changes are refused, but signed
 * entries can still be read and proved. No restart is needed: as soon as there is space, the first
 * change signs the pending entries.
 */
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { databaseError } from '../database/errors.ts'
import { ledgerError } from './errors.ts'
import type { Ledger } from './ledger.ts'

type Signs = Pick<Ledger, 'behind' | 'checkpoint' | 'published'>

/**
 * Fails if the log can't be signed. Call it before a change. If the last checkpoint failed, it
 * tries to make one now.
 * @throws ledger.storage, database.full, … if that fails too
 */
export async function requireWritable(ledger: Signs): Promise<void> {
  if (ledger.behind()) await ledger.checkpoint()
}

/** Returns a checkpoint of all entries if possible, else the one that was published last. */
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
