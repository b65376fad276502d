/**
 * Makes the rows of runs that callers get. A row has the status that the host reports now, else the
 * last reported one.
 */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { concurrently } from '../../shared/concurrency/concurrently.ts'
import { defined } from '../../shared/defined.ts'
import { describeRun, isTerminal, NOT_CONFIRMED, type RunState } from '../../shared/describe-run.ts'
import type { AgentId, RunId } from '../../shared/ids.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { askHost, type AskHostDeps, type Contact } from './ask-host.ts'
import type { RunRecord } from './run-record.ts'

/**
 * The number of hosts that are asked at the same time. More calls would only wait in the event
 * loop.
 */
const PARALLEL_HOSTS = 32

export interface RunRowsDeps extends AskHostDeps {
  readonly agents: Agents
}

/** A row with a state that this version supports. */
export type KnownRow = RunRow & { readonly state: RunState }

/** Asks the hosts of the runs, and returns a row for each run, in the same order. */
export async function currentRows(
  deps: RunRowsDeps,
  records: readonly RunRecord[],
  signal: AbortSignal,
): Promise<KnownRow[]> {
  const rows = new Map<RunId, KnownRow>()
  const byHost = Map.groupBy(records, (record) => record.agent)
  await concurrently([...byHost], PARALLEL_HOSTS, async ([host, own]) => {
    for (const row of await rowsOfHost(deps, host, own, signal)) rows.set(row.id, row.row)
  })
  return records.flatMap(({ run }) => rows.get(run) ?? [])
}

async function rowsOfHost(
  deps: RunRowsDeps,
  host: AgentId,
  records: readonly RunRecord[],
  signal: AbortSignal,
): Promise<{ id: RunId; row: KnownRow }[]> {
  const agent = await deps.agents.byId(host)
  const alive = records.filter((record) => !isTerminal(record.state))
  const { statuses, contact } = await askHost(deps, agent, alive, signal)
  const now = rfc3339(deps.clock.now())
  const rows: { id: RunId; row: KnownRow }[] = []
  for (const record of records) {
    const status = statuses.get(record.run)
    // The host has no record of the run, so askHost() has recorded it as lost.
    const disowned = contact === 'answered' && status === undefined && !isTerminal(record.state)
    // One query at a time: a host that lost its journal disowns a thousand runs at once.
    const current = disowned ? await deps.runs.find(record.run) : record
    rows.push({ id: record.run, row: runRow(current, agent, { status, contact }, now) })
  }
  return rows
}

export function runRow(
  record: RunRecord,
  agent: AgentRecord | undefined,
  { status, contact }: { status?: RunStatusMessage | undefined; contact: Contact },
  now: string,
): KnownRow {
  const known = status ?? record
  // The state of an ended run is final, so it needs no response.
  const stale = contact !== 'answered' && !isTerminal(known.state)
  // The intent is in the log. The host has not reported yet whether it started the run.
  const unconfirmed = status === undefined && record.state === 'starting' && record.seenAt === null
  return defined({
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
    unenforced: status?.unenforced,
    actor: record.actor,
    seenAt: status === undefined ? record.seenAt : now,
    stale,
    contact,
    unreachableSince: stale ? silentSince(record, agent, contact) : null,
  })
}

/** Returns the time of the host's last contact. Null if the host responds. */
function silentSince(
  record: RunRecord,
  agent: AgentRecord | undefined,
  contact: Contact,
): string | null {
  if (contact === 'answered') return null
  // A silent host is connected, so its `lastSeen` is recent. Its last report counts instead.
  return contact === 'offline' ? (agent?.lastSeen ?? null) : record.seenAt
}
