/**
 * A host's signed outcome as the result of one target: checked when it arrives, and read the same
 * way from the log ever after.
 */
import type { Json } from '../../shared/canonical-json.ts'
import { type ErrorData, type ErrorValue, MusterError } from '../../shared/errors.ts'
import type { Outcome } from '../../shared/trust/outcome.ts'
import { isStorageCode } from '../../shared/storage-error.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { LoggedOperation, TargetResult } from './operation.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { dispatchError } from '../dispatch/errors.ts'

/**
 * What a host's signed outcome says. It must also be one that the log takes: the outcomes of all
 * hosts are one transaction, and one that cannot be appended would take the others with it.
 * @throws dispatch.bad-outcome where it is not that host's, about something else, or nothing that
 * can be logged
 */
export function checkedOutcome(
  deps: { ledger: Pick<Ledger, 'requireLoggable'> },
  operation: LoggedOperation,
  agent: AgentRecord,
  signed: Signed,
): TargetResult {
  const bad = (reason: string, cause?: unknown): Error =>
    dispatchError('dispatch.bad-outcome', { host: agent.name, reason }, { cause })
  if (!Buffer.from(signed.key).equals(agent.publicKey))
    throw bad('it is signed by another key than the host’s')
  try {
    const outcome = readSigned(signed, 'outcome')
    if (
      outcome.operation !== operation.id ||
      outcome.target !== agent.id ||
      outcome.verb !== operation.verb
    )
      throw bad('it is about another order')
    deps.ledger.requireLoggable({ type: 'outcome', operation: operation.id, signed })
    return { target: agent.id, ...hostResult(agent.name, outcome), signed }
  } catch (error) {
    throw dispatchError.is(error)
      ? error
      : bad(error instanceof MusterError ? error.message : 'it is malformed', error)
  }
}

/** An outcome of the host of this name as everybody is told of it. */
export function hostResult(
  host: string,
  outcome: Outcome,
): Pick<TargetResult, 'result' | 'detail' | 'error'> {
  const detail = { ...outcome.detail }
  delete detail['error']
  return {
    result: outcome.result,
    detail: plain(detail),
    ...(outcome.result === 'done'
      ? {}
      : { error: hostError(host, outcome.result, outcome.detail) }),
  }
}

/** A host's reason as one of our own errors, so that it reads the same whichever side raised it. */
function hostError(
  host: string,
  result: string,
  { error, code }: Outcome['detail'],
): { code: string; data: ErrorData } {
  const reason = typeof error === 'string' ? error : 'it gave no reason'
  const data = { host, reason }
  // A host whose disk fails did not judge the order.
  if (typeof code === 'string' && isStorageCode(code))
    return { code: code === 'storage.full' ? 'dispatch.no-space' : 'dispatch.host-disk', data }
  return { code: result === 'refused' ? 'dispatch.refused' : 'dispatch.failed', data }
}

function plain(detail: Readonly<Record<string, Json>>): Record<string, ErrorValue> {
  return Object.fromEntries(
    Object.entries(detail).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
    ]),
  )
}
