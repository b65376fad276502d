/**
 * Closes operations that a crash left open. The verb's probe finds out the results, and the log
 * gets them as outcomes.
 */
import type { Verb } from '../../protocols/control/verbs.ts'
import { abortable } from '../../shared/interrupt.ts'
import { ledgerError } from '../audit/errors.ts'
import type { OpenIntent } from '../audit/open-intents.ts'
import { databaseError } from '../database/errors.ts'
import { concludeOperation, type ConcludeDeps, isDatabaseAway, resultsOf } from './conclude.ts'
import { type Acting, type FenceDeps, laterOperations } from './fence.ts'
import { handlerOf, type LoggedOperation } from './operation.ts'

export type RecoverDeps = ConcludeDeps & FenceDeps

/**
 * Closes one open intent. The coordinator's end aborts this. A second call for the same intent
 * joins the first. If a caller stops waiting, the work continues.
 */
export type CloseIntent = (open: OpenIntent) => Promise<void>

/** Closes the open intents that `which` selects. @returns the number of closed intents */
export async function recoverIntents(
  deps: RecoverDeps,
  options: { readonly close: CloseIntent; readonly which: (intent: OpenIntent) => boolean },
  signal: AbortSignal,
): Promise<number> {
  let closed = 0
  for (const intent of (await deps.ledger.openIntents()).filter(options.which)) {
    try {
      await abortable(options.close(intent), signal)
      closed += 1
    } catch (error) {
      if (signal.aborted) return closed
      if (databaseError.is(error) || ledgerError.is(error)) throw error
      // This version can't close this intent, for example because another version wrote it. Log it,
      // close the others, and let the coordinator start.
      const { operation, verb, index } = intent
      deps.log.error(
        { operation, verb, index, error },
        'an open operation cannot be closed; start the version that began it',
      )
    }
  }
  return closed
}

/**
 * Probes one open operation and logs its outcome.
 * @param acting the operations that this process carries out
 */
export async function closeIntent(
  deps: RecoverDeps,
  open: OpenIntent,
  acting: Iterable<Acting>,
  signal: AbortSignal,
): Promise<void> {
  const operation = await deps.outcomes.operationAt(open.index)
  const results = await probeOperation(deps, operation, acting, signal)
  // An aborted probe has no result. The intent stays open for the next start.
  signal.throwIfAborted()
  await concludeOperation(deps, operation, results)
  await deps.ledger.checkpoint()
  deps.log.warn(
    { operation: operation.id, verb: operation.verb, results: results.map((row) => row.result) },
    'closed an operation that was left open',
  )
}

async function probeOperation<V extends Verb>(
  deps: RecoverDeps,
  operation: LoggedOperation<V>,
  acting: Iterable<Acting>,
  signal: AbortSignal,
) {
  const handler = handlerOf(deps.handlers, operation)
  if (handler.kind !== 'act') throw new Error(`${operation.verb} is never open`)
  const later = await laterOperations(deps, operation, acting)
  return resultsOf(deps, operation, isDatabaseAway, () => handler.probe(operation, signal, later))
}
