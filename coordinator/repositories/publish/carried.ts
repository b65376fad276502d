/**
 * PB-02: a client that read an index before a switch asks for its metadata after it. Files whose
 * names hold their checksum can't clash, so those of earlier generations are laid out beside the
 * new ones for as long as clients keep an index.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { BlobId } from '../../../shared/ids.ts'
import type { ManifestFile } from '../content/manifest.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import { KEPT_GENERATIONS } from './destination.ts'
import type { TargetId } from './publications.ts'

/**
 * How long metadata of a replaced generation stays reachable: common clients keep an index for 48
 * hours by default.
 */
const KEPT_METADATA_MS = 48 * 3_600_000
/**
 * Versions whose metadata is carried on at most: a repository published every few minutes must not
 * fill its folder.
 */
const MAX_CARRIED = 100

/**
 * Versions of a target whose metadata may still be asked for, the newest first; the published one
 * is among them.
 */
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

/**
 * Metadata of earlier generations to lay out beside `files`: what is sound in the pool and has a
 * place of its own.
 */
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
    for (const row of rows) {
      const blob = row.blob as BlobId
      if (
        !row.path.includes(row.checksum as string) ||
        taken.has(row.path) ||
        ancestors(row.path).some((folder) => paths.has(folder))
      )
        continue
      // Damaged files are left out: a client that still asks for one reads the new index instead.
      if ((await deps.pool.verify(blob, signal)) !== 'sound') continue
      carried.push({ path: row.path, blob, size: row.size, kind: 'metadata' })
      for (const each of [row.path, ...ancestors(row.path)]) taken.add(each)
      paths.add(row.path)
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
