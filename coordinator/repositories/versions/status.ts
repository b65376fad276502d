/** The state of a repository and of its last sync, for `repo list` and `repo show`. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables/all.ts'
import { newestVersion } from './versions.ts'

export interface RepositoryStatus {
  /** Packages of the newest accepted version; 0 before the first. */
  readonly packages: number
  /** Bytes of its packages. */
  readonly bytes: number
  readonly revision: string | null
  /** Id of the newest accepted version. */
  readonly version: number | null
  readonly lastSync: {
    readonly run: string
    /** Milliseconds since the epoch. */
    readonly startedAt: number
    readonly finishedAt: number | null
    /** Null while it runs. */
    readonly result: 'complete' | 'incomplete' | 'failed' | null
    readonly message: string | null
  } | null
  /** Names, the oldest first. */
  readonly snapshots: readonly string[]
  /** The published version of `latest`. */
  readonly published: {
    readonly version: number
    readonly generation: number
    readonly at: number
    /** The snapshot that an operator chose for `latest`; null while it follows the newest. */
    readonly pin: string | null
    /** The time since which it is served; null if an earlier version of Muster published it. */
    readonly since: number | null
  } | null
}

/** Reads the status. A repository that was never synced has empty values. */
export async function repositoryStatus(
  db: Kysely<Tables>,
  repository: string,
): Promise<RepositoryStatus> {
  const version = await newestVersion(db, repository)
  const snapshots = await db
    .selectFrom('snapshot')
    .select('name')
    .where('repository', '=', repository)
    .orderBy('created_at')
    .orderBy('name')
    .execute()
  const published = await db
    .selectFrom('publication')
    .select(['version', 'generation', 'at', 'pin', 'since'])
    .where('repository', '=', repository)
    .where('target', '=', 'latest')
    .executeTakeFirst()
  return {
    packages: version?.packages ?? 0,
    bytes: version?.bytes ?? 0,
    revision: version?.revision ?? null,
    version: version?.id ?? null,
    lastSync: await lastSyncOf(db, repository),
    snapshots: snapshots.map((row) => row.name),
    published: published ?? null,
  }
}

async function lastSyncOf(
  db: Kysely<Tables>,
  repository: string,
): Promise<RepositoryStatus['lastSync']> {
  const row = await db
    .selectFrom('sync_run')
    .select(['id', 'started_at', 'finished_at', 'result', 'message'])
    .where('repository', '=', repository)
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    run: row.id,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    result: row.result === 'running' ? null : row.result,
    message: row.message,
  }
}

/** Returns the type of a repository with a version. Its configuration may no longer exist. */
export async function typeOf(db: Kysely<Tables>, repository: string): Promise<string> {
  const found = db.selectFrom('repository').select('type').where('id', '=', repository)
  return (await found.executeTakeFirstOrThrow()).type
}

/** Returns the result of a sync by its id, for recovery. Undefined if it never started. */
export async function syncRunResult(
  db: Kysely<Tables>,
  run: string,
): Promise<'running' | 'complete' | 'incomplete' | 'failed' | undefined> {
  return (await db.selectFrom('sync_run').select('result').where('id', '=', run).executeTakeFirst())
    ?.result
}
