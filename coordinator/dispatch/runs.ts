/**
 * Runs as far as the coordinator has heard of them. A row is written in the transaction that logs the intent, so that no run exists without
 * one; what happens to it afterwards the agent's runner knows better, and every answer of an agent is copied here.
 */
import type { Kysely, Selectable } from 'kysely'
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import {
  type AgentId,
  agentId,
  type Fingerprint,
  type OperationId,
  type RunId,
  runId,
} from '../../shared/ids.ts'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { isTerminal } from '../../shared/run-words.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables.ts'
import { dispatchError } from './errors.ts'

type Tx = Kysely<Tables>

export interface RunRecord {
  readonly run: RunId
  readonly agent: AgentId
  readonly command: readonly string[]
  readonly name: string | null
  readonly actor: string
  readonly state: RunStatusMessage['state']
  readonly reason: string | null
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly outputBytes: number
}

/** Rows that one list answers with: newest first, the rest by narrower questions. */
const MAX_LISTED = 1000

export interface Runs {
  insert(
    tx: Tx,
    run: {
      id: RunId
      agent: AgentId
      operation: OperationId
      command: readonly string[]
      name: string | undefined
      actor: Fingerprint
      at: number
    },
  ): Promise<void>
  /** A run by its id or a unique prefix of it. @throws dispatch.unknown-run, dispatch.ambiguous-run */
  find(text: string): Promise<RunRecord>
  list(options: { agents?: readonly AgentId[]; all: boolean }): Promise<RunRecord[]>
  /** A run that its host never started, and why. */
  failed(run: RunId, reason: string, tx?: Tx): Promise<void>
  /**
   * Gives up the runs of a host that leaves the fleet: nobody hears of them again. In the transaction that revokes it.
   * @returns those that were not over, as far as anybody had heard
   */
  lose(tx: Tx, agent: AgentId, reason: string): Promise<RunId[]>
  /** Copies what the run's host said (heard.ts). What is over stays as it is; only a run that was given up as lost may turn out to have ended. */
  update(host: AgentId, status: RunStatusMessage): Promise<void>
}

export function createRuns(deps: { database: Database }): Runs {
  const { database } = deps
  return {
    async insert(tx, run) {
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
        })
        .execute()
    },

    async find(text) {
      // A prefix of a UUID only: no pattern characters reach the database.
      if (!/^[0-9a-f-]{4,36}$/.test(text))
        throw dispatchError('dispatch.unknown-run', { run: text })
      const rows = await database.query
        .selectFrom('run_record')
        .selectAll()
        .where('id', 'like', `${text}%`)
        .limit(2)
        .execute()
      const [row, second] = rows
      if (row === undefined) throw dispatchError('dispatch.unknown-run', { run: text })
      if (second !== undefined) throw dispatchError('dispatch.ambiguous-run', { run: text })
      return fromRow(row)
    },

    async list(options) {
      let query = database.query
        .selectFrom('run_record')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(MAX_LISTED)
      if (options.agents) query = query.where('agent', 'in', options.agents)
      if (!options.all) query = query.where('status', 'in', ['starting', 'running'])
      return (await query.execute()).map(fromRow)
    },

    async failed(run, reason, tx = database.query) {
      await tx
        .updateTable('run_record')
        .set({ status: 'failed to start', reason })
        .where('id', '=', run)
        .where('status', '=', 'starting')
        .execute()
    },

    async lose(tx, agent, reason) {
      const rows = await tx
        .updateTable('run_record')
        .set({ status: 'lost', reason })
        .where('agent', '=', agent)
        .where('status', 'in', ['starting', 'running'])
        .returning('id')
        .execute()
      return rows.map((row) => runId.parse(row.id)).sort()
    },

    async update(host, status) {
      await database.query
        .updateTable('run_record')
        .set({
          status: status.state,
          reason: status.reason,
          started_at: status.startedAt === null ? null : parseRfc3339(status.startedAt),
          ended_at: status.endedAt === null ? null : parseRfc3339(status.endedAt),
          exit_code: status.exitCode,
          signal: status.signal,
          output_bytes: status.stdoutBytes + status.stderrBytes,
        })
        .where('id', '=', status.run)
        .where('agent', '=', host)
        // An older answer that arrives late must not bring a run back to life.
        .where(
          'status',
          'in',
          isTerminal(status.state) ? ['starting', 'running', 'lost'] : ['starting', 'running'],
        )
        .execute()
    },
  }
}

function fromRow(row: Selectable<Tables['run_record']>): RunRecord {
  return {
    run: runId.parse(row.id),
    agent: agentId.parse(row.agent),
    command: JSON.parse(row.command) as string[],
    name: row.name,
    actor: row.actor,
    state: row.status as RunStatusMessage['state'],
    reason: row.reason,
    startedAt: row.started_at === null ? null : rfc3339(row.started_at),
    endedAt: row.ended_at === null ? null : rfc3339(row.ended_at),
    exitCode: row.exit_code,
    signal: row.signal,
    outputBytes: row.output_bytes,
  }
}
