/**
 * Handles the verbs on runs. The coordinator records the run, and the host decides whether to start
 * it.
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
import type { ActHandler, LoggedOperation, Operation, Tx } from '../operations/operation.ts'
import type { TargetResult } from '../outcomes/result.ts'

/**
 * The longest wait for an earlier intent to the same run. A stop must not wait for an offline host.
 * The host carries out each intent at most once, so an earlier intent that is settled later undoes
 * nothing.
 */
const PATIENCE_MS = 5_000

export interface RunVerbsDeps {
  readonly agents: Agents
  readonly dispatch: Dispatch
  readonly runs: Runs
  readonly clock: Clock
}

type Start = LoggedOperation<'run.start'>

export function runVerbs(deps: RunVerbsDeps) {
  return { 'run.start': startVerb(deps), 'run.stop': stopVerb(deps) }
}

const touchedRun = (run: string): string => `run/${run}`

function startVerb(deps: RunVerbsDeps): ActHandler<'run.start'> {
  const { dispatch, runs } = deps
  const settled = async (operation: Start, results: TargetResult[]): Promise<TargetResult[]> => {
    await settleRuns(deps, operation, results)
    return results
  }
  return {
    kind: 'act',
    touches: (operation) => Object.values(operation.arguments.runs).map(touchedRun),
    patience: PATIENCE_MS,
    check: (operation) => checkStart(deps.agents, operation),
    open: (tx, operation, at) => insertRuns(runs, tx, operation, at),
    async abandon(tx, operation) {
      for (const run of Object.values(operation.arguments.runs))
        await runs.failed(runId.parse(run), 'the log could not be signed', tx)
    },
    act: async (operation, { values, signal }) =>
      settled(operation, await dispatch.deliver(operation, values, signal)),
    probe: async (operation, signal) => settled(operation, await dispatch.probe(operation, signal)),
  }
}

/** @throws registry.not-approved, operation.malformed */
async function checkStart(agents: Agents, operation: Operation<'run.start'>): Promise<void> {
  const { targets, verb } = operation
  const { runs } = operation.arguments
  for (const target of targets) {
    const agent = await agents.byId(agentId.parse(target))
    if (agent?.status !== 'approved')
      throw registryError('registry.not-approved', {
        name: agent?.name ?? target,
        status: agent?.status ?? 'unknown',
      })
    if (runs[target] === undefined)
      throw operationError('operation.malformed', {
        verb,
        reason: `it has no run id for ${target}`,
      })
  }
  if (Object.keys(runs).length !== targets.length)
    throw operationError('operation.malformed', {
      verb,
      reason: 'it has run ids for hosts that are not targets',
    })
}

async function insertRuns(
  runs: Runs,
  tx: Tx,
  operation: Operation<'run.start'>,
  at: number,
): Promise<void> {
  const { id, actor } = operation
  const { command, name } = operation.arguments
  for (const [agent, run] of Object.entries(operation.arguments.runs))
    await runs.insert(tx, {
      id: runId.parse(run),
      agent: agentId.parse(agent),
      operation: id,
      command,
      name,
      actor,
      at,
    })
}

/**
 * Copies the results of a start to the rows of its runs. Rows of runs with an unknown result stay
 * unchanged.
 */
export async function settleRuns(
  { runs, clock }: Pick<RunVerbsDeps, 'runs' | 'clock'>,
  operation: Start,
  results: readonly TargetResult[],
  tx?: Tx,
): Promise<void> {
  for (const result of results) {
    const started = operation.arguments.runs[result.target]
    if (started === undefined || result.result === 'unknown') continue
    const run = runId.parse(started)
    if (result.result === 'done') await runs.accepted([run], clock.now(), tx)
    else await runs.failed(run, reasonOf(result), tx)
  }
}

/** Returns the reason why a run never started: the host's reason, else the message of the error. */
function reasonOf({ result, error }: TargetResult): string {
  if (error === undefined) return result
  const { reason } = error.data
  return typeof reason === 'string'
    ? reason
    : (restoreError(error.code, error.data)?.message ?? error.code)
}

function stopVerb({ agents, dispatch, runs }: RunVerbsDeps): ActHandler<'run.stop'> {
  return {
    kind: 'act',
    touches: (operation) => [touchedRun(operation.arguments.run)],
    patience: PATIENCE_MS,
    async check({ verb, targets, arguments: { run } }) {
      const record = await runs.find(run)
      if (targets.length !== 1 || targets[0] !== record.agent)
        throw operationError('operation.malformed', { verb, reason: 'the run is not on that host' })
      const agent = await agents.byId(record.agent)
      if (agent?.status === 'revoked') throw dispatchError('dispatch.revoked', { host: agent.name })
    },
    act: (operation, { signal }) => dispatch.deliver(operation, [], signal),
    probe: (operation, signal) => dispatch.probe(operation, signal),
  }
}
