/** What became of an operation on one target. Operations and dispatch both speak in these. */
import type { Verb } from '../../protocols/control/verbs.ts'
import { type ErrorData, type ErrorValue, type MusterError } from '../../shared/errors.ts'
import type { Fingerprint, OperationId } from '../../shared/ids.ts'
import type { Signed } from '../../shared/trust/signed.ts'

/** An intent that stands in the log, without its arguments. */
export interface LoggedIntent {
  readonly id: OperationId
  readonly verb: Verb
  readonly actor: Fingerprint
  readonly targets: readonly string[]
  readonly signed: Signed
  /** Its entry in the log. */
  readonly index: number
}

export interface TargetResult {
  readonly target: string
  readonly result: 'done' | 'failed' | 'refused' | 'unknown'
  readonly detail: Readonly<Record<string, ErrorValue>>
  readonly error?: { readonly code: string; readonly data: ErrorData }
  /** The outcome that an agent signed, logged as it is. */
  readonly signed?: Signed
}

export const done = (target: string, detail: TargetResult['detail'] = {}): TargetResult => ({
  target,
  result: 'done',
  detail,
})

/** The target failed, and `error` says why. */
export const failed = (target: string, { code, data }: MusterError): TargetResult => ({
  target,
  result: 'failed',
  detail: {},
  error: { code, data },
})
