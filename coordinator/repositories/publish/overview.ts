/** Lists every repository of the database with its last sync and its published version. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables/all.ts'
import { readServed, type Served } from './served.ts'

export interface RepositoryOverview {
  readonly id: string
  /** The end of the last sync, in milliseconds; null while it runs or before the first. */
  readonly lastSync: number | null
  readonly result: Tables['sync_run']['result'] | null
  readonly served: Served | null
}

export async function listOverviews(query: Kysely<Tables>): Promise<RepositoryOverview[]> {
  const known = await query.selectFrom('repository').select('id').orderBy('id').execute()
  return Promise.all(known.map(({ id }) => readOverview(query, id)))
}

async function readOverview(query: Kysely<Tables>, id: string): Promise<RepositoryOverview> {
  const last = await query
    .selectFrom('sync_run')
    .select(['finished_at', 'result'])
    .where('repository', '=', id)
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return {
    id,
    lastSync: last?.finished_at ?? null,
    result: last?.result ?? null,
    served: await readServed(query, id),
  }
}
