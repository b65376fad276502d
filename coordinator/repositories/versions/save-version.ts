/**
 * Writes repository versions. One transaction writes a whole version, so it is complete or absent.
 */
import type { Insertable, Kysely } from 'kysely'
import { defined } from '../../../shared/defined.ts'
import type { Sha256 } from '../../../shared/ids.ts'
import type { Database } from '../../database/database.ts'
import { lockRow } from '../../database/lock-row.ts'
import type { Tables } from '../../database/tables/all.ts'
import { batches, recordBlobs } from '../content/blobs.ts'
import { mirrorError } from '../model/errors.ts'
import type { VersionFile, VersionPackage } from '../model/version.ts'
import { packageRows } from './package-rows.ts'
import { newestVersion } from './versions.ts'

export interface NewVersion {
  readonly repository: string
  readonly configHash: string
  readonly revision: string
  /** The digest of the root of the upstream's index. */
  readonly indexSha256: Sha256
  /** The checksum of the upstream's listing, as its index names it. */
  readonly listingChecksum?: string | undefined
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  readonly operation?: string | undefined
  /** The newest version when the guards ran; null for none. If absent, nothing is compared. */
  readonly after?: number | null
  readonly packages: readonly VersionPackage[]
  readonly files: readonly VersionFile[]
}

export interface SaveOptions {
  readonly signal?: AbortSignal
  /** More changes of the same transaction, such as an entry of the log. */
  readonly also?: (tx: Kysely<Tables>, id: number) => Promise<void>
}

/**
 * Writes a version and makes it the newest. Returns its id.
 * @throws mirror.overtaken if another version was accepted since `after`
 */
export async function saveVersion(
  database: Database,
  version: NewVersion,
  { signal, also }: SaveOptions = {},
): Promise<number> {
  const at = database.clock.now()
  await recordBlobs(database.query, version.files, at)
  const packages = await packageRows(database, version, signal)
  // Crash here: package rows that no version contains. The next sync finds and uses them.
  return database.transaction(async (tx) => {
    await requireLast(database, tx, version)
    const { id } = await tx
      .insertInto('repository_version')
      .values(versionRow(version, at))
      .returning('id')
      .executeTakeFirstOrThrow()
    await insertContents(tx, id, packages, version.files)
    await tx
      .updateTable('repository')
      .set({ config_hash: version.configHash })
      .where('id', '=', version.repository)
      .execute()
    await also?.(tx, id)
    return id
  }, defined({ signal }))
}

async function insertContents(
  tx: Kysely<Tables>,
  version: number,
  packages: readonly number[],
  files: readonly VersionFile[],
): Promise<void> {
  for (const part of batches(packages))
    await tx
      .insertInto('version_package')
      .values(part.map((pk) => ({ version, package: pk })))
      .execute()
  for (const part of batches(files))
    await tx
      .insertInto('version_file')
      .values(part.map((file) => fileRow(version, file)))
      .execute()
}

/**
 * Locks the row of the repository, so that coordinators accept versions one after another. Checks
 * that the guards compared with the newest version.
 */
async function requireLast(
  database: Database,
  tx: Kysely<Tables>,
  { repository, after }: NewVersion,
): Promise<void> {
  if (after === undefined) return
  await lockRow(
    database.dialect,
    tx.selectFrom('repository').select('id').where('id', '=', repository),
  ).executeTakeFirst()
  const newest = await newestVersion(tx, repository)
  if (newest !== undefined && newest.id !== after)
    throw mirrorError('mirror.overtaken', { repository, version: newest.id })
}

function versionRow(version: NewVersion, at: number): Insertable<Tables['repository_version']> {
  return {
    repository: version.repository,
    revision: version.revision,
    created_at: at,
    listing_checksum: version.listingChecksum ?? null,
    index_checksum: version.indexSha256,
    upstream_etag: version.etag ?? null,
    upstream_modified: version.lastModified ?? null,
    packages: version.packages.length,
    bytes: version.packages.reduce((sum, each) => sum + each.size, 0),
    operation: version.operation ?? null,
  }
}

function fileRow(version: number, file: VersionFile): Tables['version_file'] {
  const { path, kind, label, size, checksum } = file
  return {
    version,
    path,
    blob: file.id,
    size,
    kind,
    label,
    checksum: checksum?.value ?? null,
    checksum_type: checksum?.kind ?? null,
  }
}
