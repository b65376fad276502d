/** What an operation's results mean for the person and for the exit code. */
import type { OperateResponse, OperateResult } from '../../protocols/control/messages.ts'
import { defineErrors, MusterError, restoreError } from '../../shared/errors.ts'

export const resultError = defineErrors({
  'result.partly': {
    exit: 'partly',
    message: (d: { failed: number; of: number; lines: readonly string[] }) =>
      [`${d.failed} of ${d.of} hosts failed`, ...d.lines].join('\n'),
    hint: () => 'what is listed was not done; the rest was',
  },
  'result.unknown': {
    exit: 'failed',
    message: (d: { target: string; reason: string }) =>
      `it is not known whether it was done on ${d.target}: ${d.reason}`,
    hint: () => 'muster audit log shows the outcome once it is known',
  },
  'result.failed': {
    exit: 'failed',
    message: (d: { target: string; result: string }) => `${d.target}: ${d.result}`,
    hint: () => 'muster audit log shows the outcome',
  },
})

/** Why it is not known whether a target did it. */
export function reasonOfUnknown(row: OperateResult): string {
  const known = row.error && restore(row.error.code, row.error.data)
  return known?.message ?? 'the connection ended before it answered'
}

/** The error of a target that was not done. */
export function errorOf(row: OperateResult, name = row.target): MusterError {
  const known = row.error && restore(row.error.code, row.error.data)
  if (row.result === 'unknown')
    return resultError('result.unknown', { target: name, reason: reasonOfUnknown(row) })
  return (
    known ?? resultError('result.failed', { target: name, result: row.error?.code ?? row.result })
  )
}

function restore(
  code: string,
  data: NonNullable<OperateResult['error']>['data'],
): MusterError | undefined {
  try {
    return restoreError(code, data)
  } catch {
    // The data are not what our prose needs: another version.
    return undefined
  }
}

/**
 * Undefined if every target is done; else a single target's own error, or one that lists those that
 * failed.
 */
export function failureOf(
  response: OperateResponse,
  nameOf: (target: string) => string = (target) => target,
  toError: (row: OperateResult) => MusterError = (row) => errorOf(row, nameOf(row.target)),
): MusterError | undefined {
  const bad = response.results.filter((row) => row.result !== 'done')
  const [first] = bad
  if (first === undefined) return undefined
  if (response.results.length === 1) return toError(first)
  const lines = bad.map((row) => failureLine(nameOf(row.target), toError(row)))
  return resultError('result.partly', { failed: bad.length, of: response.results.length, lines })
}

/**
 * One target's failure among several; an error that names its host already does not name it twice.
 */
export function failureLine(name: string, { message }: MusterError): string {
  return message.startsWith(`${name} `) || message.startsWith(`${name}: `)
    ? message
    : `${name}: ${message}`
}

/** Throws unless every target is done. */
export function requireDone(
  response: OperateResponse,
  nameOf?: (target: string) => string,
): OperateResponse {
  const failure = failureOf(response, nameOf)
  if (failure !== undefined) throw failure
  return response
}
