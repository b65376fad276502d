/**
 * What an operation is, and what each verb's handler promises. The order of things is in perform.ts
 * and nowhere else.
 */
import type { Kysely } from 'kysely'
import type { OperateProgress } from '../../protocols/control/messages.ts'
import type { ArgumentsOf, Verb } from '../../protocols/control/verbs.ts'
import type { Fingerprint, OperationId } from '../../shared/ids.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Tables } from '../database/tables/all.ts'
import type { TargetResult } from '../outcomes/result.ts'
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

/** An operation whose intent stands in the log. */
export interface LoggedOperation<V extends Verb = Verb> extends Operation<V> {
  readonly index: number
}

export interface OperateContext {
  /** Who hands the intent in, proved by a session. */
  readonly caller: Fingerprint
  readonly signal: AbortSignal
  progress(report: OperateProgress): Promise<void>
  readonly upload: AsyncIterable<Uint8Array>
  /**
   * The values that the intent commits to, checked against it by accept.ts. Here and in the
   * messages to the hosts, and nowhere else: they are in no operation, row, entry or log line, so
   * that whoever ends up with those has no secret. After a crash they are gone.
   */
  readonly values: readonly Opening[]
}

/**
 * A change of the database alone: it and both log entries are one transaction, so there is no gap
 * to recover.
 */
export interface RecordHandler<V extends Verb> {
  readonly kind: 'record'
  /**
   * Makes the change. Throwing rolls everything back, the intent included: the operation never was.
   */
  record(tx: Tx, operation: Operation<V>, at: number): Promise<TargetResult[]>
  /** After the commit: tells whoever should know. Not an effect that anybody relies on. */
  announce?(operation: Operation<V>): void
}

/** A change outside of the database. Idempotent by operation id. */
export interface ActHandler<V extends Verb> {
  readonly kind: 'act'
  /** Refuses what cannot work before anything is logged. */
  check?(operation: Operation<V>): Promise<void>
  /** Rows that must exist if the intent does. */
  open?(tx: Tx, operation: Operation<V>, at: number): Promise<void>
  /**
   * The operation is over before it was begun: what {@link open} wrote must not look as if it still
   * might begin.
   */
  abandon?(tx: Tx, operation: LoggedOperation<V>): Promise<void>
  act(operation: LoggedOperation<V>, context: OperateContext): Promise<TargetResult[]>
  /**
   * Names of what the operation changes and reads. An open operation that shares a name with it is
   * settled before it begins.
   */
  touches?(operation: Operation<V>): readonly string[]
  /**
   * How long it waits at most, in milliseconds, until an earlier operation is settled. Only for
   * targets that keep the order themselves; without it there is no bound.
   */
  readonly patience?: number
  /**
   * Finds out what became of an operation that was interrupted. It may finish what was begun where
   * `later` has no entry. Where it has one, a later operation decides what is there, and this one
   * must change nothing.
   */
  probe(operation: LoggedOperation<V>, signal: AbortSignal, later?: Later): Promise<TargetResult[]>
}

/** By what an operation touches: the first later operation that touches it too. */
export type Later = ReadonlyMap<string, { readonly id: OperationId; readonly verb: string }>

/** An outcome of a probe: the operation is not done, or not for certain, and why. */
export function interrupted(
  operation: Operation,
  target: string,
  later?: { readonly id: OperationId; readonly verb: string },
): TargetResult {
  const about = { verb: operation.verb, target }
  const { code, data } =
    later === undefined
      ? operationError('operation.stopped', about)
      : operationError('operation.superseded', {
          ...about,
          later: later.id,
          laterVerb: later.verb,
        })
  return { target, result: 'failed', detail: { recovered: true }, error: { code, data } }
}

export const NOTHING_LATER: Later = new Map()

export type VerbHandler<V extends Verb = Verb> = RecordHandler<V> | ActHandler<V>
export type VerbHandlers = { readonly [V in Verb]: VerbHandler<V> }
