/**
 * Sends an operation to its hosts, with the proofs that they check, and collects the outcome that
 * each host signs. If a host signed no outcome, the result is `failed` if the intent did not reach
 * it. Otherwise it is `unknown`.
 */
import type { Client } from '../../protocols/rpc/call.ts'
import type { command } from '../../protocols/command/protocol.ts'
import type { Clock } from '../../shared/clock.ts'
import { concurrently } from '../../shared/concurrency/concurrently.ts'
import { MusterError } from '../../shared/errors.ts'
import { agentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import { outcomeError } from '../outcomes/errors.ts'
import { failed, type LoggedIntent, type TargetResult } from '../outcomes/result.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { createCheckpointComparison } from './compare-checkpoint.ts'
import { deliverToHost, type DeliverDeps } from './deliver.ts'
import { dispatchError } from './errors.ts'
import { connectHost } from './host-client.ts'
import { probeHost } from './probe-host.ts'

/**
 * The number of hosts that are called at the same time. More calls would only wait in the event
 * loop.
 */
const PARALLEL_HOSTS = 32

export interface DispatchDeps extends Omit<DeliverDeps, 'comparison'> {
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
}

export interface Dispatch {
  /** Sends the operation to each of its targets, with the values to which its intent commits. */
  deliver(
    operation: LoggedIntent,
    values: readonly Opening[],
    signal: AbortSignal,
  ): Promise<TargetResult[]>
  /**
   * Asks each target for the outcome that it signed. If the intent did not reach a target before,
   * that target refuses it from now on.
   */
  probe(operation: LoggedIntent, signal: AbortSignal): Promise<TargetResult[]>
  /**
   * Compares the log with the checkpoint that the host holds.
   * @throws ledger.rolled-back, ledger.forked. The log is then frozen
   */
  witness(agent: AgentRecord, signal: AbortSignal): Promise<void>
  /** Opens a client of the host's command protocol. @throws dispatch.offline, dispatch.copied */
  connect(agent: AgentRecord, signal: AbortSignal): Promise<Client<typeof command>>
}

export function createDispatch(deps: DispatchDeps): Dispatch {
  const comparison = createCheckpointComparison(deps)
  const delivering = { ...deps, comparison }
  return {
    connect: (agent, signal) => connectHost(deps, agent, signal),

    async witness(agent, signal) {
      const client = await connectHost(deps, agent, signal)
      try {
        await comparison.compare(agent, await client.call('position', {}, { signal }))
      } finally {
        await client.close().catch(() => undefined)
      }
    },

    deliver: (operation, values, signal) =>
      eachTarget(deps, operation, 'failed', (agent) =>
        deliverToHost(delivering, { operation, values }, agent, signal),
      ),

    probe: (operation, signal) =>
      eachTarget(deps, operation, 'unknown', (agent) => probeHost(deps, operation, agent, signal)),
  }
}

/**
 * Runs the job for each target. The error of one host becomes its result, so that the outcomes of
 * the other hosts are logged.
 * @param lost the result of a target whose job throws: `failed` if it can't have been reached
 */
function eachTarget(
  deps: Pick<DispatchDeps, 'agents' | 'log'>,
  operation: LoggedIntent,
  lost: 'failed' | 'unknown',
  job: (agent: AgentRecord) => Promise<TargetResult>,
): Promise<TargetResult[]> {
  return concurrently(operation.targets, PARALLEL_HOSTS, async (target) => {
    try {
      return await job(await requireHost(deps.agents, target))
    } catch (error) {
      if (error instanceof MusterError) return { ...failed(target, error), result: lost }
      deps.log.error(
        { host: target, operation: operation.id, error },
        'the coordinator failed to send an intent',
      )
      const internal = outcomeError('operation.failed', { verb: operation.verb, target })
      return { ...failed(target, internal), result: lost }
    }
  })
}

/** @throws dispatch.offline, dispatch.revoked */
async function requireHost(agents: Agents, target: string): Promise<AgentRecord> {
  const agent = await agents.byId(agentId.parse(target))
  if (agent === undefined) throw dispatchError('dispatch.offline', { host: target })
  // The host may have been revoked after the intent was logged, and still be connected.
  if (agent.status === 'revoked') throw dispatchError('dispatch.revoked', { host: agent.name })
  return agent
}
