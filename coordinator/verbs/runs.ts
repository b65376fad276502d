/**
 * Verbs on runs. The coordinator writes down that there is a run, and the host decides for itself
 * whether it starts.
 */
import type { Clock } from '../../shared/clock.ts'
import { restoreError } from '../../shared/errors.ts'
import { agentId, runId } from '../../shared/ids.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import { dispatchError } from '../dispatch/errors.ts'
import type { Runs } from '../dispatch/runs.ts'
import type { Agents } from '../registry/agents.ts'
import { registryError } from '../registry/errors.ts'
import { operationError } from '../operations/errors.ts'
import type { ActHandler, LoggedOperation, Tx } from '../operations/operation.ts'
import type { TargetResult } from '../outcomes/result.ts'

/**
 * A stop must not wait for a host that is away. Whether an order is carried out, and once, is the
 * host's own decision, so an earlier order that is settled later undoes nothing.
 */
const PATIENCE_MS = 5_000

const touched = (run: string): string => `run/${run}`

export interface RunVerbsDeps {
  readonly agents: Agents
  readonly dispatch: Dispatch
  readonly runs: Runs
  readonly clock: Clock
}

/** Copies what became of the order to start them to the rows of the runs. */
export async function settleRuns(
  { runs, clock }: { runs: Runs; clock: Clock },
  operation: LoggedOperation<'run.start'>,
  results: readonly TargetResult[],
  tx?: Tx,
): Promise<void> {
  for (const result of results) {
    if (result.result === 'unknown') continue
    const run = runId.parse(operation.arguments.runs[result.target] as string)
    if (result.result === 'done') await runs.accepted([run], clock.now(), tx)
    else await runs.failed(run, reasonOf(result), tx)
  }
}

export function runVerbs(deps: RunVerbsDeps) {
  /** A run that never began must not look as if it still might. */
  const settleStart = async (
    operation: LoggedOperation<'run.start'>,
    results: TargetResult[],
  ): Promise<TargetResult[]> => {
    await settleRuns(deps, operation, results)
    return results
  }

  const start: ActHandler<'run.start'> = {
    kind: 'act',
    touches: (operation) => Object.values(operation.arguments.runs).map(touched),
    patience: PATIENCE_MS,
    async check(operation) {
      for (const target of operation.targets) {
        const agent = await deps.agents.byId(agentId.parse(target))
        if (agent?.status !== 'approved')
          throw registryError('registry.not-approved', {
            name: agent?.name ?? target,
            status: agent?.status ?? 'unknown',
          })
        if (operation.arguments.runs[target] === undefined)
          throw operationError('operation.malformed', {
            verb: operation.verb,
            reason: `it has no run id for ${target}`,
          })
      }
      if (Object.keys(operation.arguments.runs).length !== operation.targets.length)
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: 'it has run ids for hosts that are no targets',
        })
    },
    async open(tx, operation, at) {
      for (const [agent, run] of Object.entries(operation.arguments.runs))
        await deps.runs.insert(tx, {
          id: runId.parse(run),
          agent: agentId.parse(agent),
          operation: operation.id,
          command: operation.arguments.command,
          name: operation.arguments.name,
          actor: operation.actor,
          at,
        })
    },
    async abandon(tx, operation) {
      for (const run of Object.values(operation.arguments.runs))
        await deps.runs.failed(runId.parse(run), 'the log could not be signed', tx)
    },
    act: async (operation, context) =>
      settleStart(
        operation,
        await deps.dispatch.deliver(operation, context.values, context.signal),
      ),
    probe: async (operation, signal) =>
      settleStart(operation, await deps.dispatch.probe(operation, signal)),
  }

  const stop: ActHandler<'run.stop'> = {
    kind: 'act',
    touches: (operation) => [touched(operation.arguments.run)],
    patience: PATIENCE_MS,
    async check(operation) {
      const record = await deps.runs.find(operation.arguments.run)
      if (operation.targets.length !== 1 || operation.targets[0] !== record.agent)
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: 'the run is not on that host',
        })
      const agent = await deps.agents.byId(record.agent)
      if (agent?.status === 'revoked') throw dispatchError('dispatch.revoked', { host: agent.name })
    },
    act: (operation, context) => deps.dispatch.deliver(operation, [], context.signal),
    probe: (operation, signal) => deps.dispatch.probe(operation, signal),
  }

  return { 'run.start': start, 'run.stop': stop }
}

/**
 * Why a run never began, as a person reads it: in the host's own words where it gave some, else in
 * those of our error.
 */
function reasonOf({ result, error }: TargetResult): string {
  if (error === undefined) return result
  const { reason } = error.data
  return typeof reason === 'string'
    ? reason
    : (restoreError(error.code, error.data)?.message ?? error.code)
}
