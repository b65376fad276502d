/**
 * Changes the records of runs. The record of an ended run stays unchanged, except that a later
 * report replaces the state `lost`.
 */
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
import { isTerminal } from '../../shared/describe-run.ts'
import {
  type AgentId,
  type Fingerprint,
  type OperationId,
  type RunId,
  runId,
} from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'

export type Tx = Kysely<Tables>

/** The reason that is stored if the host has no record of the run. */
const DISOWNED = 'its host has no record of it'
const ALIVE = ['starting', 'running'] as const

export interface NewRun {
  readonly id: RunId
  readonly agent: AgentId
  readonly operation: OperationId
  readonly command: readonly string[]
  readonly name: string | undefined
  readonly actor: Fingerprint
  readonly at: number
}

export async function insertRun(tx: Tx, run: NewRun): Promise<void> {
  await tx
    .insertInto('run_record')
    .values({
      id: run.id,
      agent: run.agent,
      operation: run.operation,
      command: JSON.stringify(run.command),
      name: run.name ?? null,
      actor: run.actor,
      status: 'starting',
      reason: null,
      created_at: run.at,
      started_at: null,
      ended_at: null,
      exit_code: null,
      signal: null,
      output_bytes: 0,
      seen_at: null,
    })
    .execute()
}

export async function failRun(tx: Tx, run: RunId, reason: string): Promise<void> {
  await tx
    .updateTable('run_record')
    .set({ status: 'failed to start', reason })
    .where('id', '=', run)
    .where((row) => row.or([row('status', '=', 'starting'), isDisowned(row)]))
    .execute()
}

export async function acceptRuns(tx: Tx, runs: readonly RunId[], at: number): Promise<void> {
  if (runs.length === 0) return
  await tx
    .updateTable('run_record')
    .set({ status: 'running', reason: null, seen_at: at })
    .where('id', 'in', runs)
    .where((row) => row.or([row('status', '=', 'starting'), isDisowned(row)]))
    .execute()
}

export async function disownRuns(
  tx: Tx,
  { host, runs, at }: { host: AgentId; runs: readonly RunId[]; at: number },
): Promise<void> {
  if (runs.length === 0) return
  await tx
    .updateTable('run_record')
    .set({ status: 'lost', reason: DISOWNED, seen_at: at })
    .where('agent', '=', host)
    .where('id', 'in', runs)
    .where('status', 'in', ALIVE)
    .execute()
}

export async function loseRuns(tx: Tx, host: AgentId, reason: string): Promise<RunId[]> {
  const rows = await tx
    .updateTable('run_record')
    .set({ status: 'lost', reason })
    .where('agent', '=', host)
    .where('status', 'in', ALIVE)
    .returning('id')
    .execute()
  return rows.map((row) => runId.parse(row.id)).sort()
}

export async function updateRun(
  tx: Tx,
  { host, status, at }: { host: AgentId; status: RunStatusMessage; at: number },
): Promise<void> {
  await tx
    .updateTable('run_record')
    .set({
      status: status.state,
      reason: status.reason,
      started_at: milliseconds(status.startedAt),
      ended_at: milliseconds(status.endedAt),
      exit_code: status.exitCode,
      signal: status.signal,
      output_bytes: status.stdoutBytes + status.stderrBytes,
      seen_at: at,
    })
    .where('id', '=', status.run)
    .where('agent', '=', host)
    .where((row) =>
      row.or([
        row('status', 'in', ALIVE),
        // Only the report of an end replaces `lost`. An older report that arrives late must not
        // revive the run.
        isTerminal(status.state) ? row('status', '=', 'lost') : isDisowned(row),
      ]),
    )
    .execute()
}

const milliseconds = (time: string | null): number | null =>
  time === null ? null : parseRfc3339(time)

/**
 * Selects runs that are lost because the host had no record. A later report of the host replaces
 * this.
 */
function isDisowned(row: ExpressionBuilder<Tables, 'run_record'>) {
  return row.and([row('status', '=', 'lost'), row('reason', '=', DISOWNED)])
}
