/** Reads the records of runs. */
import { type AgentId, type RunId, runId } from '../../shared/ids.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { candidateLine, isRunText } from '../../shared/run-text.ts'
import type { Database } from '../database/database.ts'
import { dispatchError } from './errors.ts'
import { type RunRecord, runRecord } from './run-record.ts'

/** The number of rows in a page. A request to a host may name as many runs. */
export const RUNS_PAGE = 1000
/** The number of runs that the error about an ambiguous text lists. They fit on a terminal. */
const MAX_CANDIDATES = 10

export interface RunPage {
  /** The runs of this page, newest first. */
  readonly runs: readonly RunRecord[]
  /** The last run of this page. Undefined if no more runs follow. */
  readonly next: RunId | undefined
}

export interface RunFilter {
  readonly agents?: readonly AgentId[]
  /** True: the ended runs are included. */
  readonly all: boolean
  /** The last run of the previous page. */
  readonly after?: string | undefined
}

/** @throws dispatch.unknown-run, dispatch.ambiguous-run */
export async function findRun(database: Database, text: string): Promise<RunRecord> {
  const wanted = text.toLowerCase()
  // Accepts only a part of a UUID, so that no pattern characters reach the database.
  if (!isRunText(wanted)) throw dispatchError('dispatch.unknown-run')
  const rows = await matchingRows(database, wanted)
  const [row] = rows
  if (row === undefined) throw dispatchError('dispatch.unknown-run')
  if (rows.length === 1) return runRecord(row)
  const candidates = rows.slice(0, MAX_CANDIDATES).map((each) => {
    const record = runRecord(each)
    const { run, command } = record
    return candidateLine({
      run,
      host: each.host ?? each.agent,
      command,
      status: describeRun(record),
    })
  })
  const more = rows.length > MAX_CANDIDATES
  throw dispatchError('dispatch.ambiguous-run', { run: text, candidates, more })
}

/** Finds at most one run more than an error lists, newest first. */
function matchingRows(database: Database, text: string) {
  return database.query
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
}

/** @throws dispatch.unknown-run */
export async function listRuns(database: Database, filter: RunFilter): Promise<RunPage> {
  let query = database.query
    .selectFrom('run_record')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(RUNS_PAGE + 1)
  if (filter.after !== undefined) {
    const { id, created_at } = await rowOf(database, filter.after)
    query = query.where((row) =>
      row.or([
        row('created_at', '<', created_at),
        row.and([row('created_at', '=', created_at), row('id', '<', id)]),
      ]),
    )
  }
  if (filter.agents) query = query.where('agent', 'in', filter.agents)
  if (!filter.all) query = query.where('status', 'in', ['starting', 'running'])
  const rows = (await query.execute()).map(runRecord)
  const runs = rows.slice(0, RUNS_PAGE)
  return { runs, next: rows.length > RUNS_PAGE ? runs.at(-1)?.run : undefined }
}

async function rowOf(database: Database, id: string) {
  const row = await database.query
    .selectFrom('run_record')
    .select(['id', 'created_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw dispatchError('dispatch.unknown-run')
  return row
}

/** Returns the runs among `ids` whose intent has an outcome. */
export async function settledRuns(
  database: Database,
  ids: readonly RunId[],
): Promise<ReadonlySet<RunId>> {
  if (ids.length === 0) return new Set()
  const rows = await database.query
    .selectFrom('run_record')
    .leftJoin('open_intent', 'open_intent.operation', 'run_record.operation')
    .select('run_record.id')
    .where('run_record.id', 'in', ids)
    .where('open_intent.operation', 'is', null)
    .execute()
  return new Set(rows.map(({ id }) => runId.parse(id)))
}
