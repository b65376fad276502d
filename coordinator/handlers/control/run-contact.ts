/**
 * Asks a host about its runs, writes down what it says, and tells how much the answer is worth: a
 * host that is gone or silent has said nothing, and what was heard before may have changed since.
 */
import type { RunStatusMessage } from '../../../protocols/command/messages.ts'
import type { RunRow } from '../../../protocols/control/messages.ts'
import type { Clock } from '../../../shared/clock.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { RunId } from '../../../shared/ids.ts'
import { isTerminal, NOT_CONFIRMED, describeRun } from '../../../shared/describe-run.ts'
import { databaseError } from '../../database/errors.ts'
import type { Dispatch } from '../../dispatch/dispatch.ts'
import { dispatchError } from '../../dispatch/errors.ts'
import { sanitizeRunStatuses } from '../../dispatch/sanitize-run-status.ts'
import { type RunRecord, RUNS_PAGE, type Runs } from '../../dispatch/runs.ts'
import type { AgentRecord } from '../../registry/agents.ts'

/** A connected host that does not answer within this is shown as it was last heard of. */
const ASK_MS = 5_000

export interface RunContactDeps {
  readonly runs: Runs
  readonly dispatch: Dispatch
  readonly clock: Clock
}

export interface RunAnswers {
  readonly statuses: ReadonlyMap<string, RunStatusMessage>
  readonly contact: NonNullable<RunRow['contact']>
}

/** Asks about at most {@link RUNS_PAGE} runs of one host. */
export async function askHost(
  deps: RunContactDeps,
  agent: AgentRecord | undefined,
  of: readonly RunRecord[],
  outer: AbortSignal,
): Promise<RunAnswers> {
  const none = new Map<string, RunStatusMessage>()
  if (agent === undefined || agent.status === 'revoked')
    return { statuses: none, contact: 'offline' }
  if (of.length === 0) return { statuses: none, contact: 'answered' }
  const asked = of.slice(0, RUNS_PAGE).map(({ run }) => run)
  // Before the question: an order that is on its way may reach the host just after the answer.
  const unconfirmed = of.filter(({ state }) => state === 'starting').map(({ run }) => run)
  const settled = await deps.runs.settled(unconfirmed)
  const said = await statesOf(deps, agent, asked, outer)
  if (!('states' in said)) return { statuses: none, contact: said.contact }
  const statuses = sanitizeRunStatuses(asked, said.states)
  const now = deps.clock.now()
  const pending = new Set<RunId>(unconfirmed.filter((run) => !settled.has(run)))
  const disowned = asked.filter((run) => !statuses.has(run) && !pending.has(run))
  await unlessFull(async () => {
    for (const heard of statuses.values()) await deps.runs.update(agent.id, heard, now)
    await deps.runs.disown(agent.id, disowned, now)
  })
  return { statuses, contact: 'answered' }
}

/** What the host says of the runs, or why it says nothing. The database has no part in this. */
async function statesOf(
  deps: RunContactDeps,
  agent: AgentRecord,
  asked: readonly RunId[],
  outer: AbortSignal,
): Promise<
  { readonly states: readonly RunStatusMessage[] } | { readonly contact: 'offline' | 'silent' }
> {
  const signal = AbortSignal.any([outer, deps.clock.timeout(ASK_MS)])
  try {
    const client = await deps.dispatch.connect(agent, signal)
    const { runs: states } = await client
      .call('status', { runs: [...asked] }, { signal })
      .finally(() => void client.close().catch(() => undefined))
    return { states }
  } catch (error) {
    outer.throwIfAborted()
    if (!(error instanceof MusterError) && !signal.aborted) throw error
    const gone = dispatchError.is(error, 'dispatch.offline') && !signal.aborted
    return { contact: gone ? 'offline' : 'silent' }
  }
}

/**
 * Writes down what a host said. While the database has no room, the answer is shown all the same;
 * the next answer is written down.
 */
export async function unlessFull(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!databaseError.is(error, 'database.full')) throw error
  }
}

/** Since when the host has said nothing; undefined while it answers. */
function silentSince(
  record: RunRecord,
  agent: AgentRecord | undefined,
  contact: RunAnswers['contact'],
): string | null {
  if (contact === 'answered') return null
  // A connection that stays while the host is silent keeps `lastSeen` fresh.
  return contact === 'offline' ? (agent?.lastSeen ?? null) : record.seenAt
}

/** The run as it is shown: what its host says now, else what was heard last, and marked so. */
export function runRow(
  record: RunRecord,
  agent: AgentRecord | undefined,
  { status, contact }: { status?: RunStatusMessage | undefined; contact: RunAnswers['contact'] },
  now: string,
): RunRow {
  const known = status ?? record
  // What is over stays so, whether its host answers or not.
  const stale = contact !== 'answered' && !isTerminal(known.state)
  // The order is in the log, and the host has not said yet whether it carried it out.
  const unconfirmed = status === undefined && record.state === 'starting' && record.seenAt === null
  return {
    run: record.run,
    host: agent?.name ?? record.agent,
    agent: record.agent,
    command: [...record.command],
    name: record.name,
    status: unconfirmed ? NOT_CONFIRMED : describeRun(known),
    state: known.state,
    startedAt: status?.startedAt ?? record.startedAt,
    endedAt: status?.endedAt ?? record.endedAt,
    exitCode: known.exitCode,
    signal: known.signal,
    outputBytes: status ? status.stdoutBytes + status.stderrBytes : record.outputBytes,
    droppedBytes: status?.droppedBytes ?? 0,
    limits: status?.limits ?? null,
    reason: known.reason,
    ...(status?.unenforced === undefined ? {} : { unenforced: status.unenforced }),
    actor: record.actor,
    seenAt: status === undefined ? record.seenAt : now,
    stale,
    contact,
    unreachableSince: stale ? silentSince(record, agent, contact) : null,
  }
}
