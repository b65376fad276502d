/** Asks a host for the outcome of an intent that it may have received. */
import { MusterError } from '../../shared/errors.ts'
import type { Ledger } from '../audit/ledger.ts'
import { checkedOutcome } from '../outcomes/host-outcome.ts'
import { failed, type LoggedIntent, type TargetResult } from '../outcomes/result.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { dispatchError } from './errors.ts'
import { awaitHost, type HostClientDeps } from './host-client.ts'

/**
 * The time for a host to reconnect after a restart of the coordinator. A host usually needs a few
 * seconds.
 */
const PROBE_MS = 30_000

export interface ProbeHostDeps extends HostClientDeps {
  readonly ledger: Ledger
}

/**
 * Returns the outcome that the host signed. If the host can't be asked or the signal aborts, the
 * result is `unknown`. Never rejects.
 */
export async function probeHost(
  deps: ProbeHostDeps,
  operation: LoggedIntent,
  agent: AgentRecord,
  caller: AbortSignal,
): Promise<TargetResult> {
  const signal = AbortSignal.any([caller, deps.clock.timeout(PROBE_MS)])
  try {
    const client = await awaitHost(deps, agent, signal)
    try {
      const { outcome } = await client.call('probe', { intent: operation.signed }, { signal })
      return checkedOutcome(deps, operation, agent, outcome)
    } finally {
      await client.close().catch(() => undefined)
    }
  } catch (error) {
    const known =
      error instanceof MusterError && !signal.aborted
        ? error
        : dispatchError('dispatch.offline', { host: agent.name }, { cause: error })
    return { ...failed(agent.id, known), result: 'unknown' }
  }
}
