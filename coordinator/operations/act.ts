/**
 * Performs verbs that act outside of the database. One transaction logs the intent and writes the
 * verb's rows. The handler acts after a durable checkpoint covers the intent. Then the outcomes are
 * logged.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { Verb } from '../../protocols/control/verbs.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import {
  concludeOperation,
  type ConcludeDeps,
  failedAll,
  isUnclear,
  resultsOf,
} from './conclude.ts'
import { operationError } from './errors.ts'
import { logIntent, type LogIntentDeps } from './log-intent.ts'
import type { ActHandler, LoggedOperation, OperateContext, Operation } from './operation.ts'
import { named, responseOf } from './outcomes.ts'

export interface ActDeps extends LogIntentDeps, ConcludeDeps {
  readonly log: Logger
  /** Aborts when the coordinator ends. */
  readonly closing?: AbortSignal
}

interface Act<V extends Verb> {
  readonly handler: ActHandler<V>
  readonly operation: Operation<V>
  /** Called with the index of the intent as soon as it is in the log. */
  readonly logged: (index: number) => void
}

/** @throws operation.unlogged, operation.interrupted, ledger.*, and what the verb's check throws */
export async function performAct<V extends Verb>(
  deps: ActDeps,
  { handler, operation, logged }: Act<V>,
  context: OperateContext,
): Promise<OperateResponse> {
  await handler.check?.(operation)
  const index = await openOperation(deps, handler, operation)
  // Crash here: the intent is open and the handler did nothing. Recovery probes, finds no change,
  // and logs that outcome.
  logged(index)
  const open = { ...operation, index }
  await signIntent(deps, handler, open)
  const results = await resultsOf(deps, open, isUnclear, () => handler.act(open, context)).catch(
    throwUnlogged(operation),
  )
  if (deps.closing?.aborted === true && results.some((row) => row.result === 'unknown'))
    throw operationError('operation.interrupted', { operation: operation.id })
  // Crash here: the handler acted, and the log has no outcome. Recovery probes and logs the
  // outcome.
  await concludeOperation(deps, open, results).catch(throwUnlogged(operation))
  await signOutcome(deps, operation)
  return responseOf(operation, index, results)
}

/** Logs the intent, records that it is open, and writes the rows of the verb. Returns its index. */
function openOperation<V extends Verb>(
  deps: ActDeps,
  handler: ActHandler<V>,
  operation: Operation<V>,
): Promise<number> {
  return deps.database.transaction(async (tx) => {
    const index = await logIntent(deps, tx, operation)
    await deps.ledger.openIntent(tx, { operation: operation.id, index, verb: operation.verb })
    await handler.open?.(tx, operation, deps.clock.now())
    return index
  })
}

/**
 * Signs the log up to the intent, before the handler acts. If this fails, the operation fails, and
 * the outcome names this reason.
 */
async function signIntent<V extends Verb>(
  deps: ActDeps,
  handler: ActHandler<V>,
  operation: LoggedOperation<V>,
): Promise<void> {
  try {
    await deps.ledger.checkpoint()
  } catch (error) {
    const unsigned = operationError('operation.unsigned', named(operation))
    await concludeOperation(deps, operation, failedAll(operation, unsigned), async (tx) =>
      handler.abandon?.(tx, operation),
    ).catch((late: unknown) =>
      deps.log.error(
        { operation: operation.id, error: late },
        'the intent stays open until the next start',
      ),
    )
    throw error
  }
}

/**
 * Signs the log up to the outcome. The outcome is already stored and valid, and the next change
 * waits for the signature. So this only logs a failure that a retry can fix.
 */
async function signOutcome(deps: ActDeps, { id }: Operation): Promise<void> {
  try {
    await deps.ledger.checkpoint()
  } catch (error) {
    if (!(error instanceof MusterError) || deps.ledger.frozen() !== undefined) throw error
    deps.log.error({ operation: id, error }, 'the outcome is logged and not signed yet')
  }
}

const throwUnlogged =
  (operation: Operation) =>
  (error: unknown): never => {
    if (!(error instanceof MusterError)) throw error
    const reason = error.message
    throw operationError('operation.unlogged', { ...named(operation), reason }, { cause: error })
  }
