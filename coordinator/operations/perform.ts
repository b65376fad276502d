/**
 * Intent → act → outcome, for every operation that changes something. This is the one place where that order is kept:
 *
 * 1. the intent is checked and authorised (accept.ts); 2. it is logged, with the rows that it needs, in one transaction; 3. a checkpoint over it is
 * signed and durable; 4. the verb's handler acts; 5. the outcomes are logged; 6. the caller hears of them.
 *
 * A verb that changes the database alone is one transaction with both of its entries instead. The same operation sent again joins the one under
 * way or gets the outcomes that the log holds; it never acts twice.
 */
import type { OperateResponse, OperateResult } from '../../protocols/control/messages.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { OperationId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Database } from '../database/database.ts'
import { type AcceptDeps, acceptIntent } from './accept.ts'
import { operationError } from './errors.ts'
import type {
  ActHandler,
  LoggedOperation,
  OperateContext,
  Operation,
  RecordHandler,
  TargetResult,
  VerbHandler,
  VerbHandlers,
} from './operation.ts'
import { type Outcomes, requireSame } from './outcomes.ts'

export interface OperationsDeps extends AcceptDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly outcomes: Outcomes
  readonly handlers: VerbHandlers
  readonly clock: Clock
  readonly log: Logger
}

export interface Operations {
  perform(signed: Signed, context: OperateContext): Promise<OperateResponse>
  /** Closes the intents that a crash left open, by probing what really happened; those of hosts once the hosts may be connected again. */
  recover(signal: AbortSignal, which: (verb: string) => boolean): Promise<number>
}

export function createOperations(deps: OperationsDeps): Operations {
  // Owned by perform(): operations under way in this process, by id.
  const underWay = new Map<OperationId, { operation: Operation; running: Promise<OperateResponse> }>()

  const perform = async (signed: Signed, context: OperateContext): Promise<OperateResponse> => {
    const operation = await acceptIntent(deps, signed)
    const joined = underWay.get(operation.id)
    if (joined) {
      requireSame(joined.operation.signed, operation)
      return joined.running
    }
    const running = start(deps, operation, context).finally(() => underWay.delete(operation.id))
    underWay.set(operation.id, { operation, running })
    return running
  }

  const recover = async (signal: AbortSignal, which: (verb: string) => boolean): Promise<number> => {
    const open = (await deps.ledger.openIntents()).filter((intent) => which(intent.verb) && !underWay.has(intent.operation))
    for (const intent of open) {
      const operation = await deps.outcomes.operationAt(intent.index)
      const handler = deps.handlers[operation.verb]
      const results = await settle(deps, operation, () =>
        handler.kind === 'act' ? handler.probe(operation as never, signal) : Promise.reject(new Error('a record verb is never open')),
      )
      await conclude(deps, operation, results)
      deps.log.warn(
        { operation: operation.id, verb: operation.verb, results: results.map((row) => row.result) },
        'closed an operation that a crash left open',
      )
    }
    return open.length
  }

  return { perform, recover }
}

async function start(deps: OperationsDeps, operation: Operation, context: OperateContext): Promise<OperateResponse> {
  const before = await deps.outcomes.find(operation)
  if (before) return before
  const handler = deps.handlers[operation.verb]
  return handler.kind === 'record' ? record(deps, handler, operation) : act(deps, handler, operation, context)
}

async function record(deps: OperationsDeps, handler: RecordHandler<never>, operation: Operation): Promise<OperateResponse> {
  const { index, results } = await deps.database.transaction(async (tx) => {
    const at = deps.clock.now()
    const { index } = await deps.ledger.append(tx, { type: entryType(operation), operation: operation.id, signed: operation.signed })
    const results = await handler.record(tx, operation as never, at)
    await deps.outcomes.append(tx, operation, results)
    return { index, results }
  })
  // Crash here: intent, change and outcome are all durable; only the caller does not know, and learns it by sending the same operation again.
  await deps.ledger.checkpoint()
  handler.announce?.(operation as never)
  return response(operation, index, results)
}

async function act(
  deps: OperationsDeps,
  handler: ActHandler<never>,
  operation: Operation,
  context: OperateContext,
): Promise<OperateResponse> {
  await handler.check?.(operation as never)
  const index = await deps.database.transaction(async (tx) => {
    const { index } = await deps.ledger.append(tx, { type: entryType(operation), operation: operation.id, signed: operation.signed })
    await deps.ledger.openIntent(tx, { operation: operation.id, index, verb: operation.verb })
    await handler.open?.(tx, operation as never, deps.clock.now())
    return index
  })
  // Crash here: the intent is open and nothing was done. recover() probes, finds nothing, and logs that outcome.
  await deps.ledger.checkpoint()
  const logged: LoggedOperation = { ...operation, index }
  const results = await settle(deps, logged, () => handler.act(logged as never, context))
  // Crash here: it was done and the log does not say so. recover() probes and logs what it finds.
  await conclude(deps, logged, results)
  return response(operation, index, results)
}

/** Runs a handler; what it throws becomes the outcome of every target. */
async function settle(deps: OperationsDeps, operation: LoggedOperation, run: () => Promise<TargetResult[]>): Promise<TargetResult[]> {
  try {
    return await run()
  } catch (error) {
    const known =
      error instanceof MusterError
        ? error
        : operationError('operation.failed', { verb: operation.verb, target: operation.targets.join(', ') }, { cause: error })
    deps.log[error instanceof MusterError ? 'warn' : 'error']({ operation: operation.id, verb: operation.verb, error }, 'operation failed')
    const targets = operation.targets.length > 0 ? operation.targets : ['']
    return targets.map((target) => ({ target, result: 'failed', detail: {}, error: { code: known.code, data: known.data } }))
  }
}

async function conclude(deps: OperationsDeps, operation: LoggedOperation, results: readonly TargetResult[]): Promise<void> {
  await deps.database.transaction(async (tx) => {
    await deps.outcomes.append(tx, operation, results)
    await deps.ledger.closeIntent(tx, operation.id)
  })
  await deps.ledger.checkpoint()
}

const entryType = (operation: Operation): 'intent' | 'policy' => (operation.verb.startsWith('grant.') ? 'policy' : 'intent')

function response(operation: Operation, index: number, results: readonly TargetResult[]): OperateResponse {
  return { operation: operation.id, index, results: results.map(publicResult) }
}

/** What the caller learns of a result. */
export function publicResult(row: TargetResult): OperateResult {
  const plain = (data: Readonly<Record<string, unknown>>): OperateResult['detail'] =>
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map(String) : (value as string | number | boolean | null),
      ]),
    )
  return {
    target: row.target,
    result: row.result,
    detail: plain(row.detail),
    ...(row.error ? { error: { code: row.error.code, data: plain(row.error.data) } } : {}),
  }
}
