/** The result of an operation on one target, shared by operations and dispatch. */
import type { Verb } from '../../protocols/control/verbs.ts'
import { type ErrorData, type ErrorValue, type MusterError } from '../../shared/errors.ts'
import type { Fingerprint, OperationId } from '../../shared/ids.ts'
import type { Signed } from '../../shared/trust/signed.ts'

/** An intent in the log, without its arguments. */
export interface LoggedIntent {
  readonly id: OperationId
  readonly verb: Verb
  readonly actor: Fingerprint
  readonly targets: readonly string[]
  readonly signed: Signed
  /** The index of its entry in the log. */
  readonly index: number
}

export interface TargetResult {
  readonly target: string
  readonly result: 'done' | 'failed' | 'refused' | 'unknown'
  readonly detail: Readonly<Record<string, ErrorValue>>
  readonly error?: { readonly code: string; readonly data: ErrorData }
  /** The outcome that the agent signed. It is logged unchanged. */
  readonly signed?: Signed
}

export const done = (target: string, detail: TargetResult['detail'] = {}): TargetResult => ({
  target,
  result: 'done',
  detail,
})

/** Returns the result of a target that failed because of `error`. */
export const failed = (
  target: string,
  { code, data }: Pick<MusterError, 'code' | 'data'>,
  detail: TargetResult['detail'] = {},
): TargetResult => ({ target, result: 'failed', detail, error: { code, data } })
