/**
 * PB-02: a client may read an index before a switch and request its metadata after it. So metadata
 * of earlier generations stays beside the new files for as long as clients keep an index. Its names
 * contain checksums, so they can't conflict.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { ManifestFile } from '../content/manifest.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import { KEPT_GENERATIONS } from './destination.ts'
import type { TargetId } from './publications.ts'

/** Common clients keep an index for 48 hours by default. */
const KEPT_METADATA_MS = 48 * 3_600_000
/** Bounds the size of the folder of a repository that is published every few minutes. */
const MAX_CARRIED = 100

/** Returns the versions whose metadata clients may still request, newest first. */
export async function reachableVersions(
  db: Kysely<Tables>,
  { repository, target }: TargetId,
  now: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom('generation')
    .select(['version', 'replaced_at'])
    .where('repository', '=', repository)
    .where('target', '=', target)
    .orderBy('number', 'desc')
    .limit(MAX_CARRIED)
    .execute()
  const kept = rows.filter(
    (row, index) =>
      index < KEPT_GENERATIONS ||
      (row.replaced_at !== null && now - row.replaced_at < KEPT_METADATA_MS),
  )
  return [...new Set(kept.map((row) => row.version))]
}

/** Returns metadata of earlier generations that is sound in the pool and fits beside `files`. */
export async function carriedMetadata(
  deps: { database: Database; pool: Pool; clock: Clock },
  target: TargetId,
  files: readonly ManifestFile[],
  signal: AbortSignal,
): Promise<ManifestFile[]> {
  const db = deps.database.query
  const versions = await reachableVersions(db, target, deps.clock.now())
  const taken = new Set(files.flatMap(({ path }) => [path, ...ancestors(path)]))
  const paths = new Set(files.map(({ path }) => path))
  const carried: ManifestFile[] = []
  for (const version of versions) {
    const rows = await db
      .selectFrom('version_file')
      .select(['path', 'blob', 'size', 'checksum'])
      .where('version', '=', version)
      .where('checksum', 'is not', null)
      .execute()
    for (const { path, blob, size, checksum } of rows) {
      if (checksum === null || !path.includes(checksum) || taken.has(path)) continue
      if (ancestors(path).some((folder) => paths.has(folder))) continue
      // Damaged files are left out. A client that requests one reads the new index instead.
      if ((await deps.pool.verify(blob, signal)) !== 'sound') continue
      carried.push({ path, blob, size, kind: 'metadata' })
      for (const each of [path, ...ancestors(path)]) taken.add(each)
      paths.add(path)
    }
  }
  return carried
}

function ancestors(path: string): string[] {
  const folders: string[] = []
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1))
    folders.push(path.slice(0, slash))
  return folders
}
