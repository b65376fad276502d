/**
 * Runs as far as the coordinator has heard of them. A row is written in the transaction that logs
 * the intent, so that no run exists without one; what happens to it afterwards the agent's runner
 * knows better, and every answer of an agent is copied here.
 */
import type { ExpressionBuilder, Kysely, Selectable } from 'kysely'
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import {
  type AgentId,
  agentId,
  type Fingerprint,
  type OperationId,
  operationId,
  type RunId,
  runId,
} from '../../shared/ids.ts'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { candidateLine, isRunText } from '../../shared/run-text.ts'
import { isTerminal, describeRun } from '../../shared/describe-run.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
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
  /** When its host last said something about it. */
  readonly seenAt: string | null
  readonly operation: OperationId
}

/** Rows of one page: as many as one question to a host may name. */
export const RUNS_PAGE = 1000
/** Runs that an ambiguous text names: a terminal shows them at once. */
const MAX_CANDIDATES = 10

export interface RunPage {
  /** Newest first. */
  readonly runs: readonly RunRecord[]
  /** The last run of this page where there are more. */
  readonly next: RunId | undefined
}

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
  /**
   * A run by its id, or by a unique beginning or end of it.
   * @throws dispatch.unknown-run, dispatch.ambiguous-run
   */
  find(text: string): Promise<RunRecord>
  /** A page of runs, those after `after`. @throws dispatch.unknown-run */
  list(options: {
    agents?: readonly AgentId[]
    all: boolean
    after?: string | undefined
  }): Promise<RunPage>
  /** A run that its host never started, and why. */
  failed(run: RunId, reason: string, tx?: Tx): Promise<void>
  /** Runs that their host has accepted: it has a record of them from now on. */
  accepted(runs: readonly RunId[], at: number, tx?: Tx): Promise<void>
  /** Those of the runs whose order is over: it was brought and answered, or given up. */
  settled(runs: readonly RunId[]): Promise<ReadonlySet<RunId>>
  /** Ends runs that their host says it has no record of. The host may still bring them back. */
  disown(host: AgentId, runs: readonly RunId[], at: number): Promise<void>
  /**
   * Gives up the runs of a host that leaves the fleet: nobody hears of them again. In the
   * transaction that revokes it.
   * @returns those that were not over, as far as anybody had heard
   */
  lose(tx: Tx, agent: AgentId, reason: string): Promise<RunId[]>
  /**
   * Copies what the run's host said (heard.ts). What is over stays as it is; only a run that was
   * given up as lost may turn out to have ended.
   */
  update(host: AgentId, status: RunStatusMessage, at: number): Promise<void>
}

/** The reason of a run that its host has no record of. */
const DISOWNED = 'its host has no record of it'

export function createRuns(deps: { database: Database }): Runs {
  const { database } = deps

  /** At most one more than an ambiguous text names, newest first. */
  const matching = (text: string) =>
    database.query
      .selectFrom('run_record')
      .leftJoin('agent', 'agent.id', 'run_record.agent')
      .selectAll('run_record')
      .select('agent.name as host')
      .where((row) =>
        runId.is(text)
          ? row('run_record.id', '=', text)
          : row.or([
              row('run_record.id', 'like', `${text}%`),
              row('run_record.id', 'like', `%${text}`),
            ]),
      )
      .orderBy('run_record.created_at', 'desc')
      .limit(MAX_CANDIDATES + 1)
      .execute()

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
          seen_at: null,
        })
        .execute()
    },

    async find(text) {
      const wanted = text.toLowerCase()
      // A part of a UUID only: no pattern characters reach the database.
      if (!isRunText(wanted)) throw dispatchError('dispatch.unknown-run', { run: text })
      const rows = await matching(wanted)
      const [row] = rows
      if (row === undefined) throw dispatchError('dispatch.unknown-run', { run: text })
      if (rows.length === 1) return fromRow(row)
      throw dispatchError('dispatch.ambiguous-run', {
        run: text,
        candidates: rows.slice(0, MAX_CANDIDATES).map((one) =>
          candidateLine({
            run: one.id,
            host: one.host ?? one.agent,
            command: fromRow(one).command,
            status: describeRun({ ...fromRow(one) }),
          }),
        ),
        more: rows.length > MAX_CANDIDATES,
      })
    },

    async list({ agents, all, after }) {
      let query = database.query
        .selectFrom('run_record')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(RUNS_PAGE + 1)
      if (after !== undefined) {
        const last = await database.query
          .selectFrom('run_record')
          .select(['id', 'created_at'])
          .where('id', '=', after)
          .executeTakeFirst()
        if (last === undefined) throw dispatchError('dispatch.unknown-run', { run: after })
        query = query.where((row) =>
          row.or([
            row('created_at', '<', last.created_at),
            row.and([row('created_at', '=', last.created_at), row('id', '<', last.id)]),
          ]),
        )
      }
      if (agents) query = query.where('agent', 'in', agents)
      if (!all) query = query.where('status', 'in', ['starting', 'running'])
      const rows = (await query.execute()).map(fromRow)
      const runs = rows.slice(0, RUNS_PAGE)
      return { runs, next: rows.length > RUNS_PAGE ? runs.at(-1)?.run : undefined }
    },

    async failed(run, reason, tx = database.query) {
      await tx
        .updateTable('run_record')
        .set({ status: 'failed to start', reason })
        .where('id', '=', run)
        .where((row) => row.or([row('status', '=', 'starting'), isDisowned(row)]))
        .execute()
    },

    async accepted(ids, at, tx = database.query) {
      if (ids.length === 0) return
      await tx
        .updateTable('run_record')
        .set({ status: 'running', reason: null, seen_at: at })
        .where('id', 'in', ids)
        .where((row) => row.or([row('status', '=', 'starting'), isDisowned(row)]))
        .execute()
    },

    async settled(ids) {
      if (ids.length === 0) return new Set()
      const rows = await database.query
        .selectFrom('run_record')
        .leftJoin('open_intent', 'open_intent.operation', 'run_record.operation')
        .select('run_record.id')
        .where('run_record.id', 'in', ids)
        .where('open_intent.operation', 'is', null)
        .execute()
      return new Set(rows.map(({ id }) => runId.parse(id)))
    },

    async disown(host, ids, at) {
      if (ids.length === 0) return
      await database.query
        .updateTable('run_record')
        .set({ status: 'lost', reason: DISOWNED, seen_at: at })
        .where('agent', '=', host)
        .where('id', 'in', ids)
        .where('status', 'in', ['starting', 'running'])
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

    async update(host, status, at) {
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
          seen_at: at,
        })
        .where('id', '=', status.run)
        .where('agent', '=', host)
        .where((row) =>
          row.or([
            row('status', 'in', ['starting', 'running']),
            // Only an end: an older answer that arrives late must not bring a run back to life.
            ...(isTerminal(status.state) ? [row('status', '=', 'lost')] : [isDisowned(row)]),
          ]),
        )
        .execute()
    },
  }
}

/** The host said that it does not know the run. A later word of the same host counts more. */
function isDisowned(row: ExpressionBuilder<Tables, 'run_record'>) {
  return row.and([row('status', '=', 'lost'), row('reason', '=', DISOWNED)])
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
    seenAt: row.seen_at === null ? null : rfc3339(row.seen_at),
    operation: operationId.parse(row.operation),
  }
}
