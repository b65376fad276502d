/**
 * Defines an operation and the handler of a verb. Only perform.ts and the modules that it calls
 * decide the order in which the parts of a handler run.
 */
import type { Kysely } from 'kysely'
import type { OperateProgress } from '../../protocols/control/messages.ts'
import type { ArgumentsOf, Verb } from '../../protocols/control/verbs.ts'
import type { Fingerprint, OperationId } from '../../shared/ids.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Tables } from '../database/tables/all.ts'
import { failed, type TargetResult } from '../outcomes/result.ts'
import { operationError } from './errors.ts'

export type Tx = Kysely<Tables>

/** A signed intent whose signature, form, time and rights were checked. */
export interface Operation<V extends Verb = Verb> {
  readonly id: OperationId
  readonly verb: V
  readonly actor: Fingerprint
  readonly targets: readonly string[]
  readonly arguments: ArgumentsOf<V>
  readonly signed: Signed
}

/** An operation whose intent is in the log. */
export interface LoggedOperation<V extends Verb = Verb> extends Operation<V> {
  readonly index: number
}

export interface OperateContext {
  /** The operator of the session that sent the intent. */
  readonly caller: Fingerprint
  readonly signal: AbortSignal
  progress(report: OperateProgress): Promise<void>
  readonly upload: AsyncIterable<Uint8Array>
  /**
   * The values to which the intent commits. accept.ts has checked them. They exist only here and in
   * the messages to hosts, never in a row, an entry or a log line. A crash loses them.
   */
  readonly values: readonly Opening[]
}

/**
 * A verb that changes only the database. The change and both log entries are one transaction, so
 * there is nothing to recover.
 */
export interface RecordHandler<V extends Verb> {
  readonly kind: 'record'
  /** Makes the change. If this throws, the transaction is rolled back with the intent. */
  record(tx: Tx, operation: Operation<V>, at: number): Promise<TargetResult[]>
  /** Sends notifications after the commit. A crash may lose them. */
  announce?(operation: Operation<V>): void
}

/**
 * A verb that changes something outside of the database. Calls with the same operation id are
 * idempotent.
 */
export interface ActHandler<V extends Verb> {
  readonly kind: 'act'
  /** Rejects an operation that can't succeed, before its intent is logged. */
  check?(operation: Operation<V>): Promise<void>
  /** Writes rows in the transaction that logs the intent. */
  open?(tx: Tx, operation: Operation<V>, at: number): Promise<void>
  /** Closes the rows that {@link open} wrote. Called if the operation will never act. */
  abandon?(tx: Tx, operation: LoggedOperation<V>): Promise<void>
  act(operation: LoggedOperation<V>, context: OperateContext): Promise<TargetResult[]>
  /**
   * Returns the names of the things that the operation changes or reads. Open operations with one
   * of these names are settled before this operation begins.
   */
  touches?(operation: Operation<V>): readonly string[]
  /**
   * The longest wait in milliseconds until an earlier operation is settled. Only for verbs whose
   * targets keep the order themselves. If absent, the wait has no limit.
   */
  readonly patience?: number
  /**
   * Finds out the results of an interrupted operation. It may finish the work on names that `later`
   * doesn't contain. A name in `later` belongs to a later operation, so the probe only reads there.
   */
  probe(operation: LoggedOperation<V>, signal: AbortSignal, later?: Later): Promise<TargetResult[]>
}

/**
 * Maps each name that an operation touches to the first later operation that also touches it. Names
 * without a later operation are absent.
 */
export type Later = ReadonlyMap<string, LaterOperation>

export interface LaterOperation {
  readonly id: string
  readonly verb: string
}

export const NOTHING_LATER: Later = new Map()

export type VerbHandler<V extends Verb> = RecordHandler<V> | ActHandler<V>

/** The handler of each verb. A verb without a handler is a compile error. */
export type VerbHandlers = { readonly [V in Verb]: VerbHandler<V> }

/** Returns the handler of an operation, typed for its arguments. */
export function handlerOf<V extends Verb>(
  handlers: VerbHandlers,
  { verb }: Operation<V>,
): VerbHandler<V> {
  return handlers[verb]
}

/**
 * Returns the only target of an operation. accept.ts checks the number for verbs with one target.
 */
export function targetOf({ targets, verb }: Pick<Operation, 'targets' | 'verb'>): string {
  const [target] = targets
  if (target === undefined) throw new Error(`an operation ${verb} without a target was accepted`)
  return target
}

/** Returns the result of a probe that can't confirm that the operation was done. */
export function interrupted(
  operation: Operation,
  target: string,
  later?: LaterOperation,
): TargetResult {
  const about = { verb: operation.verb, target }
  const error =
    later === undefined
      ? operationError('operation.stopped', about)
      : operationError('operation.superseded', {
          ...about,
          later: later.id,
          laterVerb: later.verb,
        })
  return failed(target, error, { recovered: true })
}
