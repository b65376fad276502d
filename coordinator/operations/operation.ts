/**
 * An operation, and what the handler of each verb provides. Only perform.ts decides in which order
 * the parts of a handler are called.
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
   * The values to which the intent commits, checked by accept.ts. They are only here and in the
   * messages to hosts, never in a row, an entry or a log line. After a crash they are gone.
   */
  readonly values: readonly Opening[]
}

/**
 * A verb that changes only the database. The change and both log entries are one transaction, so
 * there is nothing to recover.
 */
export interface RecordHandler<V extends Verb> {
  readonly kind: 'record'
  /** Makes the change. If it throws, everything is rolled back, the intent included. */
  record(tx: Tx, operation: Operation<V>, at: number): Promise<TargetResult[]>
  /** Sends notifications after the commit. They may be lost. */
  announce?(operation: Operation<V>): void
}

/** A verb that changes something outside of the database. Idempotent by operation id. */
export interface ActHandler<V extends Verb> {
  readonly kind: 'act'
  /** Rejects what cannot work, before anything is logged. */
  check?(operation: Operation<V>): Promise<void>
  /** Writes rows that must exist if the intent does. */
  open?(tx: Tx, operation: Operation<V>, at: number): Promise<void>
  /** Called for an operation that will never act: closes the rows that {@link open} wrote. */
  abandon?(tx: Tx, operation: LoggedOperation<V>): Promise<void>
  act(operation: LoggedOperation<V>, context: OperateContext): Promise<TargetResult[]>
  /**
   * Names of what the operation changes and reads. An open operation with a name in common is
   * settled before this one begins.
   */
  touches?(operation: Operation<V>): readonly string[]
  /**
   * The longest wait in milliseconds until an earlier operation is settled. Only for targets that
   * keep the order themselves. Absent: no bound.
   */
  readonly patience?: number
  /**
   * Finds out the results of an operation that was interrupted. It may finish the work on a name
   * that `later` doesn't contain. A name in `later` belongs to a later operation, so the probe only
   * reads there.
   */
  probe(operation: LoggedOperation<V>, signal: AbortSignal, later?: Later): Promise<TargetResult[]>
}

/** For each name that an operation touches: the first later operation that touches it too. */
export type Later = ReadonlyMap<string, LaterOperation>

export interface LaterOperation {
  readonly id: string
  readonly verb: string
}

export const NOTHING_LATER: Later = new Map()

export type VerbHandler<V extends Verb> = RecordHandler<V> | ActHandler<V>

/** The handler of each verb. A verb without one doesn't compile. */
export type VerbHandlers = { readonly [V in Verb]: VerbHandler<V> }

/** The handler of an operation, typed for the arguments of that operation. */
export function handlerOf<V extends Verb>(
  handlers: VerbHandlers,
  { verb }: Operation<V>,
): VerbHandler<V> {
  return handlers[verb]
}

/** The target of a verb that has exactly one, which accept.ts checks. */
export function targetOf({ targets, verb }: Pick<Operation, 'targets' | 'verb'>): string {
  const [target] = targets
  if (target === undefined) throw new Error(`an operation ${verb} without a target was accepted`)
  return target
}

/** The result of a probe: the operation was not done, or not for certain. */
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
