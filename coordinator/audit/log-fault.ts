/**
 * Keeps the first error that shows a contradiction in the log or with a signed state. Afterwards no
 * run may sign. Other errors may be temporary, such as a full disk or an unreachable database.
 */
import { auditError } from '../../shared/audit/errors.ts'
import type { MusterError } from '../../shared/errors.ts'
import { ledgerError } from './errors.ts'

export class LogFault {
  #fault: MusterError | undefined

  /** Undefined if the log is sound. */
  get error(): MusterError | undefined {
    return this.#fault
  }

  /** @throws ledger.frozen */
  requireSound(): void {
    if (this.#fault !== undefined)
      throw ledgerError('ledger.frozen', { reason: this.#fault.message }, { cause: this.#fault })
  }

  /** Runs `work`. If its error is a fault of the log, keeps it. */
  async watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isLogFault(error)) this.#fault ??= error
      throw error
    }
  }
}

export function isLogFault(error: unknown): error is MusterError {
  return (
    auditError.is(error, 'audit.entry') ||
    ledgerError.is(
      error,
      'ledger.rolled-back',
      'ledger.forked',
      'ledger.damaged',
      'ledger.read-back',
    )
  )
}
