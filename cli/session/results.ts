/** Converts the results of an operation to errors and exit codes. */
import type { OperateResponse, OperateResult } from '../../protocols/control/messages.ts'
import { defineErrors, MusterError, restoreError } from '../../shared/errors.ts'

export const resultError = defineErrors({
  'result.partly': {
    exit: 'partly',
    message: (d: { failed: number; of: number; lines: readonly string[] }) =>
      [`${d.failed} of ${d.of} hosts failed`, ...d.lines].join('\n'),
    hint: () => 'the operation failed on the listed hosts, and succeeded on the others',
  },
  'result.unknown': {
    exit: 'failed',
    message: (d: { target: string; reason: string }) =>
      `the outcome on ${d.target} is unknown: ${d.reason}`,
    hint: () => 'run `muster audit log` later to see the outcome',
  },
  'result.failed': {
    exit: 'failed',
    message: (d: { target: string; result: string }) => `${d.target}: ${d.result}`,
    hint: () => 'run `muster audit log` to see the outcome',
  },
})

/** Returns the reason why the outcome of a target is unknown. */
export function reasonOfUnknown(row: OperateResult): string {
  const known = row.error && restore(row.error.code, row.error.data)
  return known?.message ?? 'the connection ended before the outcome arrived'
}

/** Returns the error for a target whose outcome is not `done`. */
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
    // Another version sent data that this table doesn't expect.
    return undefined
  }
}

/**
 * Returns undefined if every target is done. Otherwise returns the error of the only target, or an
 * error that lists the failed targets.
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

/** Returns the text of one target's failure, which begins with the target's name. */
export function failureLine(name: string, { message }: MusterError): string {
  return message.startsWith(`${name} `) || message.startsWith(`${name}: `)
    ? message
    : `${name}: ${message}`
}

/** @throws the error of {@link failureOf} unless every target is done */
export function requireDone(
  response: OperateResponse,
  nameOf?: (target: string) => string,
): OperateResponse {
  const failure = failureOf(response, nameOf)
  if (failure !== undefined) throw failure
  return response
}
