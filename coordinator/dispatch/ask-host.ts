/**
 * Asks a host about its runs and records its reports. If the host is offline or does not respond,
 * the coordinator has only the last report, which may be out of date.
 */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { RunId } from '../../shared/ids.ts'
import { databaseError } from '../database/errors.ts'
import type { AgentRecord } from '../registry/agents.ts'
import type { Dispatch } from './dispatch.ts'
import { dispatchError } from './errors.ts'
import { sanitizeRunStatuses } from './sanitize-run-status.ts'
import { RUNS_PAGE } from './find-runs.ts'
import type { RunRecord } from './run-record.ts'
import type { Runs } from './runs.ts'

/** The time for a connected host to respond. After it, the coordinator shows the last report. */
const ASK_MS = 5_000

export interface AskHostDeps {
  readonly runs: Runs
  readonly dispatch: Pick<Dispatch, 'connect'>
  readonly clock: Clock
}

export type Contact = NonNullable<RunRow['contact']>

export interface RunReports {
  readonly statuses: ReadonlyMap<string, RunStatusMessage>
  readonly contact: Contact
}

const NONE: RunReports['statuses'] = new Map()

/** Asks about at most {@link RUNS_PAGE} runs of one host. */
export async function askHost(
  deps: AskHostDeps,
  agent: AgentRecord | undefined,
  records: readonly RunRecord[],
  signal: AbortSignal,
): Promise<RunReports> {
  if (agent === undefined || agent.status === 'revoked')
    return { statuses: NONE, contact: 'offline' }
  if (records.length === 0) return { statuses: NONE, contact: 'answered' }
  const asked = records.slice(0, RUNS_PAGE).map(({ run }) => run)
  // Reads this before it asks the host. Otherwise a run whose intent reaches the host after its
  // response would be recorded as lost.
  const starting = records.filter(({ state }) => state === 'starting').map(({ run }) => run)
  const settled = await deps.runs.settled(starting)
  const response = await requestStatuses(deps, agent, asked, signal)
  if (!('reports' in response)) return { statuses: NONE, contact: response.contact }
  const statuses = sanitizeRunStatuses(asked, response.reports)
  const pending = new Set<RunId>(starting.filter((run) => !settled.has(run)))
  const disowned = asked.filter((run) => !statuses.has(run) && !pending.has(run))
  const now = deps.clock.now()
  await unlessFull(async () => {
    for (const status of statuses.values()) await deps.runs.update(agent.id, status, now)
    await deps.runs.disown(agent.id, disowned, now)
  })
  return { statuses, contact: 'answered' }
}

type Response =
  | { readonly reports: readonly RunStatusMessage[] }
  | { readonly contact: Exclude<Contact, 'answered'> }

async function requestStatuses(
  deps: AskHostDeps,
  agent: AgentRecord,
  runs: readonly RunId[],
  caller: AbortSignal,
): Promise<Response> {
  const signal = AbortSignal.any([caller, deps.clock.timeout(ASK_MS)])
  try {
    const client = await deps.dispatch.connect(agent, signal)
    const { runs: reports } = await client
      .call('status', { runs: [...runs] }, { signal })
      .finally(() => void client.close().catch(() => undefined))
    return { reports }
  } catch (error) {
    caller.throwIfAborted()
    if (!(error instanceof MusterError) && !signal.aborted) throw error
    const offline = dispatchError.is(error, 'dispatch.offline') && !signal.aborted
    return { contact: offline ? 'offline' : 'silent' }
  }
}

/**
 * Records the status that a host sent for one of its runs, after sanitize-run-status.ts has limited
 * it.
 * @returns the recorded status; undefined if it is about another run
 */
export async function recordStatus(
  { runs, clock }: Pick<AskHostDeps, 'runs' | 'clock'>,
  { agent, run }: RunRecord,
  sent: RunStatusMessage,
): Promise<RunStatusMessage | undefined> {
  const status = sanitizeRunStatuses([run], [sent]).get(run)
  if (status !== undefined) await unlessFull(() => runs.update(agent, status, clock.now()))
  return status
}

/**
 * Ignores a full database, so that the caller still gets the status. A later status is recorded.
 */
async function unlessFull(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!databaseError.is(error, 'database.full')) throw error
  }
}
