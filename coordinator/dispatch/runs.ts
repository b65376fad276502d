/**
 * The coordinator's records of runs. The transaction that logs an intent also writes the row of
 * each run, so every run has a row. Later reports of the host are copied to the row.
 */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import type { AgentId, RunId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import {
  acceptRuns,
  disownRuns,
  failRun,
  insertRun,
  loseRuns,
  type NewRun,
  type Tx,
  updateRun,
} from './change-runs.ts'
import { findRun, listRuns, type RunFilter, type RunPage, settledRuns } from './find-runs.ts'
import type { RunRecord } from './run-record.ts'

export interface Runs {
  insert(tx: Tx, run: NewRun): Promise<void>
  /**
   * Finds a run by its id, or by a unique beginning or end of the id.
   * @throws dispatch.unknown-run, dispatch.ambiguous-run
   */
  find(text: string): Promise<RunRecord>
  /** Returns one page of runs. @throws dispatch.unknown-run */
  list(filter: RunFilter): Promise<RunPage>
  /** Records why the host never started the run. */
  failed(run: RunId, reason: string, tx?: Tx): Promise<void>
  /** Records that the host accepted the runs. The host has a record of them from now on. */
  accepted(runs: readonly RunId[], at: number, tx?: Tx): Promise<void>
  /** Returns the runs whose intent has an outcome. */
  settled(runs: readonly RunId[]): Promise<ReadonlySet<RunId>>
  /**
   * Records runs as lost because the host has no record of them. A later report of the host
   * replaces this.
   */
  disown(host: AgentId, runs: readonly RunId[], at: number): Promise<void>
  /**
   * Records the running runs of a host as lost, in the transaction that revokes the host.
   * @returns these runs
   */
  lose(tx: Tx, agent: AgentId, reason: string): Promise<RunId[]>
  /**
   * Copies a report of the run's host to the row. sanitize-run-status.ts has limited the report.
   */
  update(host: AgentId, status: RunStatusMessage, at: number): Promise<void>
}

export function createRuns({ database }: { readonly database: Database }): Runs {
  const { query } = database
  return {
    insert: insertRun,
    find: (text) => findRun(database, text),
    list: (filter) => listRuns(database, filter),
    failed: (run, reason, tx = query) => failRun(tx, run, reason),
    accepted: (runs, at, tx = query) => acceptRuns(tx, runs, at),
    settled: (runs) => settledRuns(database, runs),
    disown: (host, runs, at) => disownRuns(query, { host, runs, at }),
    lose: loseRuns,
    update: (host, status, at) => updateRun(query, { host, status, at }),
  }
}
