/**
 * Ends an operation: collects its results, and logs them and closes its intent in one transaction.
 */
import { MusterError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Database } from '../database/database.ts'
import { databaseError } from '../database/errors.ts'
import { outcomeError } from '../outcomes/errors.ts'
import { failed, type TargetResult } from '../outcomes/result.ts'
import type { LoggedOperation, Tx } from './operation.ts'
import { named, type Outcomes } from './outcomes.ts'

export interface ConcludeDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly log: Logger
}

/** True if the change may have been made. The intent then stays open until a probe finds out. */
export const isUnclear = (error: unknown): boolean =>
  databaseError.is(error, 'database.outcome-unknown')

/** True if the database could not be used. A probe with this error has no result. */
export const isDatabaseAway = (error: unknown): boolean =>
  isUnclear(error) ||
  databaseError.is(error, 'database.unreachable', 'database.busy', 'database.full')

/**
 * Runs a part of a handler. An error becomes the result of every target.
 * @param keepsOpen selects the errors that prove nothing about the targets. The intent stays open
 * @throws the errors of `keepsOpen`
 */
export async function resultsOf(
  deps: Pick<ConcludeDeps, 'log'>,
  operation: LoggedOperation,
  keepsOpen: (error: unknown) => boolean,
  run: () => Promise<TargetResult[]>,
): Promise<TargetResult[]> {
  try {
    return await run()
  } catch (error) {
    if (keepsOpen(error)) throw error
    const about = { operation: operation.id, verb: operation.verb, error }
    if (error instanceof MusterError) {
      deps.log.warn(about, 'operation failed')
      return failedAll(operation, error)
    }
    deps.log.error(about, 'operation failed')
    const internal = outcomeError('operation.failed', named(operation), { cause: error })
    return failedAll(operation, internal)
  }
}

export function failedAll(operation: LoggedOperation, error: MusterError): TargetResult[] {
  const targets = operation.targets.length > 0 ? operation.targets : ['']
  return targets.map((target) => failed(target, error))
}

/** Logs the results and closes the intent, in one transaction. */
export async function concludeOperation(
  deps: ConcludeDeps,
  operation: LoggedOperation,
  results: readonly TargetResult[],
  also?: (tx: Tx) => Promise<void>,
): Promise<void> {
  await deps.database.transaction(async (tx) => {
    await deps.outcomes.append(tx, operation, results)
    await deps.ledger.closeIntent(tx, operation.id)
    await also?.(tx)
  })
}
