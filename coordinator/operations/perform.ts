/**
 * Intent → act → outcome, for every operation that changes something, in this one place: the intent
 * is checked and authorised (accept.ts); it is logged with the rows that it needs, in one
 * transaction; a checkpoint over it is signed and durable; the verb's handler acts; the outcomes
 * are logged; the caller gets them. A verb that changes only the database is one transaction with
 * both entries. An operation that is sent again joins the one under way, or gets the logged
 * outcomes; it never acts twice.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { OperationId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { ledgerError } from '../audit/errors.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { OpenIntent } from '../audit/open-intents.ts'
import { requireWritable } from '../audit/writable.ts'
import type { Database } from '../database/database.ts'
import { databaseError } from '../database/errors.ts'
import { outcomeError } from '../outcomes/errors.ts'
import { failed, type TargetResult } from '../outcomes/result.ts'
import { type AcceptDeps, acceptIntent, authorizeTargets } from './accept.ts'
import { operationError } from './errors.ts'
import { type Acting, laterOperations } from './fence.ts'
import type {
  ActHandler,
  LoggedOperation,
  OperateContext,
  Operation,
  RecordHandler,
  Tx,
  VerbHandler,
  VerbHandlers,
} from './operation.ts'
import { type Outcomes, publicResult, requireSame } from './outcomes.ts'
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
   * Closes the intents that a crash left open, by probing what really happened; those of hosts once
   * the hosts may be connected again.
   * @returns how many it closed: fewer than there are if the signal aborted, or if there are some
   * that this version cannot read, which the log tells
   * @throws database.*, ledger.*
   */
  recover(signal: AbortSignal, which: (verb: string) => boolean): Promise<number>
  /** Resolves once nothing is under way; does not start waiting for what begins later. */
  idle(): Promise<void>
}

export function createOperations(deps: OperationsDeps): Operations {
  // Owned by perform(): operations under way in this process, by id.
  const underWay = new Map<
    OperationId,
    { operation: Operation; running: Promise<OperateResponse> }
  >()
  // Owned by close(): open operations that are being closed, by id.
  const closing = new Map<OperationId, Promise<void>>()
  // Owned by begin(): operations that this process carries out, from before their intents are
  // logged.
  const acting = new Map<OperationId, Acting>()

  const perform = async (signed: Signed, context: OperateContext): Promise<OperateResponse> => {
    const operation = await acceptIntent(deps, signed, context)
    const joined = underWay.get(operation.id)
    if (joined) {
      requireSame(joined.operation.signed, operation)
      return joined.running
    }
    const running = start(operation, context).finally(() => underWay.delete(operation.id))
    underWay.set(operation.id, { operation, running })
    return running
  }

  const start = async (operation: Operation, context: OperateContext): Promise<OperateResponse> => {
    try {
      const before = await deps.outcomes.find(operation)
      if (before) return before
      await requireWritable(deps.ledger)
      const handler = deps.handlers[operation.verb]
      return handler.kind === 'record'
        ? await record(deps, handler, operation)
        : await begin(handler, operation, context)
    } catch (error) {
      if (!operationError.is(error, 'operation.in-progress')) throw error
      // Left open by this coordinator, and nobody is at it: its outcome is found out now. Else
      // another one has it, or has just finished it.
      const open = (await deps.ledger.openIntents()).find(
        (intent) => intent.operation === operation.id,
      )
      if (open !== undefined) await close(open, context.signal)
      return (await deps.outcomes.find(operation)) as OperateResponse
    }
  }

  /**
   * Earlier operations on the same target are settled first, so that none of them is left to undo
   * this one.
   */
  const begin = async (
    handler: ActHandler<never>,
    operation: Operation,
    context: OperateContext,
  ): Promise<OperateResponse> => {
    const mine: Acting = { operation, begun: false, index: undefined }
    acting.set(operation.id, mine)
    try {
      await settleEarlier(deps, { handler, operation, acting, close }, context.signal)
      mine.begun = true
      return await act(deps, handler, mine, context)
    } finally {
      acting.delete(operation.id)
    }
  }

  /** Finds out what became of an open operation and logs it. Joins whoever is at it. */
  const close = (open: OpenIntent, signal: AbortSignal): Promise<void> => {
    const joined = closing.get(open.operation)
    if (joined) return joined
    const running = settleOpen(deps, open, acting, signal).finally(() =>
      closing.delete(open.operation),
    )
    closing.set(open.operation, running)
    return running
  }

  const recover = async (
    signal: AbortSignal,
    which: (verb: string) => boolean,
  ): Promise<number> => {
    const open = (await deps.ledger.openIntents()).filter(
      (intent) => which(intent.verb) && !underWay.has(intent.operation),
    )
    let closed = 0
    for (const intent of open) {
      try {
        await close(intent, signal)
        closed += 1
      } catch (error) {
        if (signal.aborted) return closed
        if (databaseError.is(error) || ledgerError.is(error)) throw error
        // One that cannot be read, such as one that another version began, must keep neither the
        // others nor the coordinator from going on.
        const { operation, verb, index } = intent
        deps.log.error(
          { operation, verb, index, error },
          'an open operation cannot be closed; start the version that began it',
        )
      }
    }
    return closed
  }

  const idle = async (): Promise<void> => {
    await Promise.allSettled([...underWay.values()].map(({ running }) => running))
  }

  return { perform, recover, idle }
}

async function record(
  deps: OperationsDeps,
  handler: RecordHandler<never>,
  operation: Operation,
): Promise<OperateResponse> {
  const { index, results } = await deps.database.transaction(async (tx) => {
    const at = deps.clock.now()
    const index = await logIntent(deps, tx, operation)
    const results = await handler.record(tx, operation as never, at)
    await deps.outcomes.append(tx, operation, results)
    return { index, results }
  })
  // Crash here: intent, change and outcome are all durable; only the caller does not know, and
  // learns it by sending the same operation again.
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
    // Signed or not, it holds: whoever lost a right must hear of it.
    handler.announce?.(operation as never)
  }
  return response(operation, index, results)
}

async function act(
  deps: OperationsDeps,
  handler: ActHandler<never>,
  mine: Acting,
  context: OperateContext,
): Promise<OperateResponse> {
  const { operation } = mine
  await handler.check?.(operation as never)
  const index = await deps.database.transaction(async (tx) => {
    const index = await logIntent(deps, tx, operation)
    await deps.ledger.openIntent(tx, { operation: operation.id, index, verb: operation.verb })
    await handler.open?.(tx, operation as never, deps.clock.now())
    return index
  })
  // Crash here: the intent is open and nothing was done. recover() probes, finds nothing, and logs
  // that outcome.
  mine.index = index
  const logged: LoggedOperation = { ...operation, index }
  await signIntent(deps, handler, logged)
  const results = await settle(deps, logged, unclear, () =>
    handler.act(logged as never, context),
  ).catch((error: MusterError) => {
    throw unlogged(operation, error)
  })
  if (deps.closing?.aborted === true && results.some((row) => row.result === 'unknown'))
    throw operationError('operation.interrupted', { operation: operation.id })
  // Crash here: it was done and the log does not say so. recover() probes and logs what it finds.
  try {
    await conclude(deps, logged, results)
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    throw unlogged(operation, error)
  }
  try {
    await deps.ledger.checkpoint()
  } catch (error) {
    // The outcome is in the database, and the next change is not made before it is signed: whoever
    // waits is told what is true.
    if (!(error instanceof MusterError) || deps.ledger.frozen() !== undefined) throw error
    deps.log.error({ operation: operation.id, error }, 'the outcome is logged and not signed yet')
  }
  return response(operation, index, results)
}

/**
 * Logs the intent under the lock of the log's head.
 * @throws operation.in-progress if another coordinator has logged it meanwhile, trust.denied if a
 * right was revoked meanwhile
 */
async function logIntent(deps: OperationsDeps, tx: Tx, operation: Operation): Promise<number> {
  const { index } = await deps.ledger.append(tx, {
    type: entryType(operation),
    operation: operation.id,
    signed: operation.signed,
  })
  const earlier = await tx
    .selectFrom('log_entry')
    .select('index')
    .where('operation', '=', operation.id)
    .where('index', '<', index)
    .limit(1)
    .executeTakeFirst()
  if (earlier !== undefined)
    throw operationError('operation.in-progress', { operation: operation.id })
  // With the head locked: a revocation stands before this entry and counts, or behind it.
  await authorizeTargets(deps, operation, deps.clock.now(), tx)
  return index
}

/**
 * Nothing is done before the intent stands in a signed log. Where it cannot be signed, that is the
 * outcome.
 */
async function signIntent(
  deps: OperationsDeps,
  handler: ActHandler<never>,
  operation: LoggedOperation,
): Promise<void> {
  try {
    await deps.ledger.checkpoint()
  } catch (error) {
    const unsigned = operationError('operation.unsigned', named(operation))
    await conclude(deps, operation, failedAll(operation, unsigned), handler.abandon).catch(
      (late: unknown) =>
        deps.log.error(
          { operation: operation.id, error: late },
          'the intent stays open until the next start',
        ),
    )
    throw error
  }
}

async function settleOpen(
  deps: OperationsDeps,
  open: OpenIntent,
  acting: ReadonlyMap<OperationId, Acting>,
  signal: AbortSignal,
): Promise<void> {
  const operation = await deps.outcomes.operationAt(open.index)
  // Which handler it is and what it takes go together by construction of the table; the type
  // checker sees a union on both sides.
  const handler: VerbHandler<never> = deps.handlers[operation.verb]
  if (handler.kind !== 'act') throw new Error(`${operation.verb} is never open`)
  const later = await laterOperations(deps, operation, acting.values())
  const results = await settle(deps, operation, isDatabaseAway, () =>
    handler.probe(operation as never, signal, later),
  )
  // A probe that was cut short has found nothing out: the intent stays open for the next start.
  signal.throwIfAborted()
  await conclude(deps, operation, results)
  await deps.ledger.checkpoint()
  deps.log.warn(
    { operation: operation.id, verb: operation.verb, results: results.map((row) => row.result) },
    'closed an operation that was left open',
  )
}

/**
 * Runs a handler; what it throws becomes the outcome of every target, except where that says
 * nothing about them.
 */
async function settle(
  deps: OperationsDeps,
  operation: LoggedOperation,
  saysNothing: (error: unknown) => error is MusterError,
  run: () => Promise<TargetResult[]>,
): Promise<TargetResult[]> {
  try {
    return await run()
  } catch (error) {
    if (saysNothing(error)) throw error
    const known =
      error instanceof MusterError
        ? error
        : outcomeError('operation.failed', named(operation), { cause: error })
    deps.log[error instanceof MusterError ? 'warn' : 'error'](
      { operation: operation.id, verb: operation.verb, error },
      'operation failed',
    )
    return failedAll(operation, known)
  }
}

/** The change may be there: the intent stays open, and a probe finds out. */
const unclear = (error: unknown): error is MusterError =>
  databaseError.is(error, 'database.outcome-unknown')

/** A probe that could not ask the database has found nothing out. */
const isDatabaseAway = (error: unknown): error is MusterError =>
  unclear(error) ||
  databaseError.is(error, 'database.unreachable') ||
  databaseError.is(error, 'database.busy') ||
  databaseError.is(error, 'database.full')

const unlogged = (operation: Operation, error: MusterError): MusterError =>
  operationError(
    'operation.unlogged',
    { ...named(operation), reason: error.message },
    { cause: error },
  )

function failedAll(operation: LoggedOperation, error: MusterError): TargetResult[] {
  const targets = operation.targets.length > 0 ? operation.targets : ['']
  return targets.map((target) => failed(target, error))
}

async function conclude(
  deps: OperationsDeps,
  operation: LoggedOperation,
  results: readonly TargetResult[],
  also?: (tx: Tx, operation: never) => Promise<void>,
): Promise<void> {
  await deps.database.transaction(async (tx) => {
    await deps.outcomes.append(tx, operation, results)
    await deps.ledger.closeIntent(tx, operation.id)
    await also?.(tx, operation as never)
  })
}

const named = ({ verb, targets }: Operation) => ({ verb, target: targets.join(', ') })
const entryType = (operation: Operation): 'intent' | 'policy' =>
  operation.verb.startsWith('grant.') ? 'policy' : 'intent'

function response(
  operation: Operation,
  index: number,
  results: readonly TargetResult[],
): OperateResponse {
  return { operation: operation.id, index, results: results.map(publicResult) }
}
