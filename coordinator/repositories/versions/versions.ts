/** Reads repository versions from the database. A version never changes. */
import type { Kysely } from 'kysely'
import { sha256Hex } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'
import { batches } from '../content/blobs.ts'
import type { BlobRecord } from '../model/blob.ts'
import type { ChecksumKey } from '../model/checksum.ts'
import type { ListedPackage } from '../model/package.ts'
import type { PooledFile } from '../model/selection.ts'
import type { VersionRecord } from '../model/version.ts'

/** Returns the version that was accepted last. */
export function newestVersion(
  db: Kysely<Tables>,
  repository: string,
): Promise<VersionRecord | undefined> {
  return db
    .selectFrom('repository_version')
    .select([
      'id',
      'revision',
      'index_checksum',
      'upstream_etag',
      'upstream_modified',
      'packages',
      'bytes',
      'created_at',
    ])
    .where('repository', '=', repository)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** Returns the checksums of a version's packages, as its listing names them. */
export async function contentsOf(db: Kysely<Tables>, version: number): Promise<Set<ChecksumKey>> {
  const rows = await db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select(['package.checksum_type', 'package.checksum'])
    .where('version_package.version', '=', version)
    .execute()
  return new Set(rows.map((row): ChecksumKey => `${row.checksum_type}:${row.checksum}`))
}

/** Returns the files of a version that aren't packages. */
export function filesOf(db: Kysely<Tables>, version: number): Promise<PooledFile[]> {
  return db
    .selectFrom('version_file')
    .select(['kind', 'label', 'path', 'blob'])
    .where('version', '=', version)
    .execute()
}

/** Finds recorded blobs of packages by their listed checksums. The pool may have lost them. */
export async function recordedContent(
  db: Kysely<Tables>,
  packages: readonly ListedPackage[],
): Promise<Map<ChecksumKey, BlobRecord>> {
  const found = new Map<ChecksumKey, BlobRecord>()
  for (const part of batches(packages)) {
    const digests = [...new Set(part.map((each) => each.checksum.value))]
    // A sync that didn't end has recorded blobs that are in no version yet.
    const fetched = await db
      .selectFrom('blob')
      .select(['id', 'sha256', 'size'])
      .where('sha256', 'in', digests.filter(sha256Hex.is))
      .execute()
    for (const blob of fetched) found.set(`sha256:${blob.sha256}`, blob)
    const known = await db
      .selectFrom('package')
      .innerJoin('blob', 'blob.id', 'package.blob')
      .select(['package.checksum_type', 'package.checksum', 'blob.id', 'blob.sha256', 'blob.size'])
      .where('package.checksum', 'in', digests)
      .execute()
    for (const { checksum_type, checksum, ...blob } of known)
      found.set(`${checksum_type}:${checksum}`, blob)
  }
  return found
}
