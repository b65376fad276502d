/**
 * Performs verbs that change only the database. The change and both log entries are one
 * transaction.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { Verb } from '../../protocols/control/verbs.ts'
import { MusterError } from '../../shared/errors.ts'
import { operationError } from './errors.ts'
import { logIntent, type LogIntentDeps } from './log-intent.ts'
import type { Operation, RecordHandler } from './operation.ts'
import { named, type Outcomes, responseOf } from './outcomes.ts'
import type { Database } from '../database/database.ts'

export interface RecordDeps extends LogIntentDeps {
  readonly database: Database
  readonly outcomes: Outcomes
}

/** @throws operation.done-unsigned, operation.in-progress, trust.denied, errors of the verb */
export async function performRecord<V extends Verb>(
  deps: RecordDeps,
  handler: RecordHandler<V>,
  operation: Operation<V>,
): Promise<OperateResponse> {
  const { index, results } = await deps.database.transaction(async (tx) => {
    const at = deps.clock.now()
    const index = await logIntent(deps, tx, operation)
    const results = await handler.record(tx, operation, at)
    await deps.outcomes.append(tx, operation, results)
    return { index, results }
  })
  // Crash here: intent, change and outcome are durable, and the caller has no response. It gets the
  // response if it sends the same operation again.
  try {
    await deps.ledger.checkpoint()
  } catch (error) {
    if (!(error instanceof MusterError) || deps.ledger.frozen() !== undefined) throw error
    throw operationError(
      'operation.done-unsigned',
      { ...named(operation), reason: error.message },
      { cause: error },
    )
  } finally {
    // The change is valid even if the log is not signed, so it is announced.
    handler.announce?.(operation)
  }
  return responseOf(operation, index, results)
}
