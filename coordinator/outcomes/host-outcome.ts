/**
 * Converts a host's signed outcome to the result of one target. Used when the outcome arrives, and
 * later when it is read from the log.
 */
import type { Json } from '../../shared/canonical-json.ts'
import { type ErrorValue, MusterError } from '../../shared/errors.ts'
import type { Outcome } from '../../shared/trust/outcome.ts'
import { isNoSpaceCode, isStorageCode } from '../../shared/storage/storage-error.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { hostOutcomeError } from './errors.ts'
import type { LoggedIntent, TargetResult } from './result.ts'

/**
 * Checks a signed outcome and returns its result. It also checks that the log accepts the outcome.
 * The outcomes of all hosts are one transaction, and an invalid one would roll back the others.
 * @throws dispatch.bad-outcome if it isn't that host's, is about another operation, or can't be
 * logged
 */
export function checkedOutcome(
  deps: { ledger: Pick<Ledger, 'requireLoggable'> },
  operation: LoggedIntent,
  agent: AgentRecord,
  signed: Signed,
): TargetResult {
  const bad = (reason: string, cause?: unknown): Error =>
    hostOutcomeError('dispatch.bad-outcome', { host: agent.name, reason }, { cause })
  if (!Buffer.from(signed.key).equals(agent.publicKey))
    throw bad('it is signed by another key than the key of the host')
  try {
    const outcome = readSigned(signed, 'outcome')
    if (
      outcome.operation !== operation.id ||
      outcome.target !== agent.id ||
      outcome.verb !== operation.verb
    )
      throw bad('it is about another intent')
    deps.ledger.requireLoggable({ type: 'outcome', operation: operation.id, signed })
    return { target: agent.id, ...hostResult(agent.name, outcome), signed }
  } catch (error) {
    throw hostOutcomeError.is(error)
      ? error
      : bad(error instanceof MusterError ? error.message : 'it is malformed', error)
  }
}

/** Returns the result that callers get. */
export function hostResult(
  host: string,
  outcome: Outcome,
): Pick<TargetResult, 'result' | 'detail' | 'error'> {
  const detail = { ...outcome.detail }
  delete detail['error']
  const read = { result: outcome.result, detail: plain(detail) }
  if (outcome.result === 'done') return read
  const { code, data } = hostError(host, outcome.result, outcome.detail)
  return { ...read, error: { code, data } }
}

/** Converts a host's reason to an error. */
function hostError(host: string, result: string, { error, code }: Outcome['detail']): MusterError {
  const reason = typeof error === 'string' ? error : 'it gave no reason'
  const data = { host, reason }
  // If the host's disk fails, the host did not decide about the intent.
  if (typeof code === 'string' && isStorageCode(code))
    return hostOutcomeError(isNoSpaceCode(code) ? 'dispatch.no-space' : 'dispatch.host-disk', data)
  return hostOutcomeError(result === 'refused' ? 'dispatch.refused' : 'dispatch.failed', data)
}

function plain(detail: Readonly<Record<string, Json>>): Record<string, ErrorValue> {
  return Object.fromEntries(
    Object.entries(detail).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
    ]),
  )
}
