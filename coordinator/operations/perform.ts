/**
 * Performs operations in this order: intent, act, outcome. accept.ts checks and authorises the
 * intent. A verb that changes only the database is one transaction (record.ts). The other verbs log
 * their intent, act, and log the outcomes (act.ts). A caller that sends an operation again joins
 * the running one or gets the logged outcomes. No operation acts twice.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { Verb } from '../../protocols/control/verbs.ts'
import type { Clock } from '../../shared/clock.ts'
import { SingleFlight } from '../../shared/concurrency/single-flight.ts'
import type { OperationId } from '../../shared/ids.ts'
import { abortable } from '../../shared/interrupt.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import { requireWritable } from '../audit/writable.ts'
import type { Database } from '../database/database.ts'
import { type AcceptDeps, acceptIntent } from './accept.ts'
import { performAct } from './act.ts'
import { operationError } from './errors.ts'
import type { Acting } from './fence.ts'
import {
  type ActHandler,
  handlerOf,
  type OperateContext,
  type Operation,
  type VerbHandlers,
} from './operation.ts'
import { type Outcomes, requireSame } from './outcomes.ts'
import { performRecord } from './record.ts'
import { type CloseIntent, closeIntent, recoverIntents } from './recover.ts'
import { settleEarlier } from './settle-earlier.ts'

export interface OperationsDeps extends AcceptDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly handlers: VerbHandlers
  readonly clock: Clock
  readonly log: Logger
  /** Aborts when the coordinator ends. Unresolved operations stay open for the next start. */
  readonly closing?: AbortSignal
}

export interface Operations {
  perform(signed: Signed, context: OperateContext): Promise<OperateResponse>
  /**
   * Probes and closes the intents that a crash left open. `which` selects them by verb. Intents for
   * hosts are closed after the node listens, because their hosts must reconnect first.
   * @returns the number of closed intents. Some stay open if the signal aborts. Intents that this
   * version can't read also stay open, and are logged.
   * @throws database.*, ledger.*
   */
  recover(signal: AbortSignal, which: (verb: string) => boolean): Promise<number>
  /** Resolves when all running operations have ended. */
  idle(): Promise<void>
}

interface UnderWay {
  readonly operation: Operation
  readonly running: Promise<OperateResponse>
}

/** The state that the operations of this process share. */
interface Current {
  /** The operations that this process carries out. Each is added before its intent is logged. */
  readonly acting: Map<OperationId, Acting>
  readonly close: CloseIntent
}

export function createOperations(deps: OperationsDeps): Operations {
  // Owned by perform().
  const underWay = new Map<OperationId, UnderWay>()
  const acting = new Map<OperationId, Acting>()
  const closing = new SingleFlight<OperationId, void>()
  const ending = deps.closing ?? new AbortController().signal
  // Uses no caller's signal: the log needs the outcome even if the caller has left.
  const close: CloseIntent = (open) =>
    closing.run(open.operation, () => closeIntent(deps, open, acting.values(), ending))

  return {
    async perform(signed, context) {
      const operation = await acceptIntent(deps, signed, context)
      const joined = underWay.get(operation.id)
      if (joined) {
        requireSame(joined.operation.signed, operation)
        return joined.running
      }
      const running = performOnce(deps, { acting, close }, operation, context).finally(() =>
        underWay.delete(operation.id),
      )
      underWay.set(operation.id, { operation, running })
      return running
    },

    recover: (signal, which) =>
      recoverIntents(
        deps,
        { close, which: ({ verb, operation }) => which(verb) && !underWay.has(operation) },
        signal,
      ),

    async idle() {
      await Promise.allSettled([...underWay.values()].map(({ running }) => running))
      await closing.idle()
    },
  }
}

/** Performs the operation, unless it was performed before. */
async function performOnce<V extends Verb>(
  deps: OperationsDeps,
  current: Current,
  operation: Operation<V>,
  context: OperateContext,
): Promise<OperateResponse> {
  try {
    const before = await deps.outcomes.find(operation)
    if (before) return before
    await requireWritable(deps.ledger)
    const handler = handlerOf(deps.handlers, operation)
    return handler.kind === 'record'
      ? await performRecord(deps, handler, operation)
      : await actInOrder(deps, current, { handler, operation }, context)
  } catch (error) {
    if (!operationError.is(error, 'operation.in-progress')) throw error
    const earlier = await findEarlier(deps, current, operation, context.signal)
    if (earlier === undefined) throw error
    return earlier
  }
}

/**
 * Returns the response to an operation that is already in the log. If this coordinator left it
 * open, this closes it first. Otherwise another coordinator performs it or has just finished it.
 * Undefined if it is not finished.
 */
async function findEarlier(
  deps: OperationsDeps,
  { close }: Current,
  operation: Operation,
  signal: AbortSignal,
): Promise<OperateResponse | undefined> {
  const intents = await deps.ledger.openIntents()
  const open = intents.find((intent) => intent.operation === operation.id)
  if (open !== undefined) await abortable(close(open), signal)
  return deps.outcomes.find(operation)
}

/**
 * Settles earlier operations on the same target, then acts. So no earlier operation undoes this
 * one.
 */
async function actInOrder<V extends Verb>(
  deps: OperationsDeps,
  { acting, close }: Current,
  { handler, operation }: { handler: ActHandler<V>; operation: Operation<V> },
  context: OperateContext,
): Promise<OperateResponse> {
  const mine: Acting = { operation, begun: false, index: undefined }
  acting.set(operation.id, mine)
  try {
    const { patience } = handler
    await settleEarlier(deps, { patience, operation, acting, close }, context.signal)
    mine.begun = true
    const logged = (index: number): void => void (mine.index = index)
    return await performAct(deps, { handler, operation, logged }, context)
  } finally {
    acting.delete(operation.id)
  }
}
