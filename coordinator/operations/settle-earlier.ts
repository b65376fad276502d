/** Settles earlier operations on the same target: closes their intents with an outcome. */
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { ledgerError } from '../audit/errors.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { OpenIntent } from '../audit/open-intents.ts'
import { databaseError } from '../database/errors.ts'
import { operationError } from './errors.ts'
import { type ActingById, touchedBy } from './fence.ts'
import type { Operation, VerbHandlers } from './operation.ts'
import type { Outcomes } from './outcomes.ts'
import type { CloseIntent } from './recover.ts'

export interface SettleEarlierDeps {
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly handlers: VerbHandlers
  readonly clock: Clock
}

/**
 * Settles the open operations that have a name in common with `operation`. Operations in `acting`
 * are skipped, because publishing and deleting check in their own transactions whether the state
 * has changed.
 * @throws operation.unsettled
 */
export async function settleEarlier(
  deps: SettleEarlierDeps,
  given: {
    readonly operation: Operation
    /** The longest wait for each earlier operation, in milliseconds. Undefined: no limit. */
    readonly patience: number | undefined
    readonly acting: ActingById
    readonly close: CloseIntent
  },
  signal: AbortSignal,
): Promise<void> {
  const { operation, patience } = given
  const touched = new Set(touchedBy(deps.handlers, operation))
  if (touched.size === 0) return
  for (const open of await deps.ledger.openIntents()) {
    if (given.acting.has(open.operation)) continue
    const earlier = await deps.outcomes.operationAt(open.index).catch(skipUnreadable)
    if (earlier === undefined) continue
    if (!touchedBy(deps.handlers, earlier).some((name) => touched.has(name))) continue
    try {
      await waitAtMost(given.close(open), { clock: deps.clock, ms: patience, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (ledgerError.is(error, 'ledger.intent-closed')) continue
      if (!(error instanceof MusterError)) throw error
      throw unsettled(operation, open, error)
    }
  }
}

function unsettled(operation: Operation, open: OpenIntent, cause: MusterError): MusterError {
  const { verb, targets } = operation
  const about = { open: open.operation, openVerb: open.verb, reason: cause.message }
  return operationError(
    'operation.unsettled',
    { verb, target: targets.join(', '), ...about },
    { cause },
  )
}

/** Skips an intent that this version can't read, because it can't settle that intent. */
function skipUnreadable(error: unknown): undefined {
  if (databaseError.is(error)) throw error
}

/**
 * Waits for `work`, at most `ms` milliseconds. The work continues after that. @throws what `work`
 * throws, or the signal's reason
 */
function waitAtMost(
  work: Promise<void>,
  { clock, ms, signal }: { clock: Clock; ms: number | undefined; signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    const cancel = ms === undefined ? (): void => {} : clock.after(ms, resolve)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => {
      cancel()
      signal.removeEventListener('abort', onAbort)
    })
  })
}
