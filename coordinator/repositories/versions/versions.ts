/**
 * Repository versions in the database: immutable once written, in one transaction, so a version is
 * either all there or not at all.
 */
import type { Kysely } from 'kysely'
import type { BlobId, Sha256 } from '../../../shared/ids.ts'
import { batches, recordBlobs } from '../content/blobs.ts'
import type { BlobRecord } from '../model/blob.ts'
import type { Database } from '../../database/database.ts'
import { lockRow } from '../../database/lock-row.ts'
import type { Tables } from '../../database/tables/all.ts'
import { mirrorError } from '../model/errors.ts'
import type { ChecksumKey } from '../model/checksum.ts'
import type { ListedPackage } from '../model/package.ts'
import type { PooledFile } from '../model/selection.ts'
import type { VersionFile, VersionPackage, VersionRecord } from '../model/version.ts'

export interface NewVersion {
  readonly repository: string
  readonly configHash: string
  readonly revision: string
  /** Of the root of the upstream's index. */
  readonly indexSha256: Sha256
  /** Of the upstream's listing, as its index names it. */
  readonly listingChecksum?: string | undefined
  readonly etag?: string | undefined
  readonly lastModified?: string | undefined
  readonly operation?: string | undefined
  /**
   * The newest version that this one was judged against; null for the first. Without it nothing is
   * compared.
   */
  readonly after?: number | null
  readonly packages: readonly VersionPackage[]
  readonly files: readonly VersionFile[]
}

/** The version that was accepted last. */
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

/** The contents that a version's packages have, as its metadata names them. */
export async function contentsOf(db: Kysely<Tables>, version: number): Promise<Set<ChecksumKey>> {
  const rows = await db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select(['package.checksum_type', 'package.checksum'])
    .where('version_package.version', '=', version)
    .execute()
  return new Set(rows.map((row): ChecksumKey => `${row.checksum_type}:${row.checksum}`))
}

/** The files of a version that aren't packages. */
export async function filesOf(db: Kysely<Tables>, version: number): Promise<PooledFile[]> {
  const rows = await db
    .selectFrom('version_file')
    .select(['kind', 'label', 'path', 'blob'])
    .where('version', '=', version)
    .execute()
  return rows.map((row) => ({ ...row, blob: row.blob as BlobId }))
}

/**
 * Content that is recorded under the checksums that packages are listed with. The pool is not
 * asked.
 */
export async function recordedContent(
  db: Kysely<Tables>,
  packages: readonly ListedPackage[],
): Promise<Map<ChecksumKey, BlobRecord>> {
  const found = new Map<ChecksumKey, BlobRecord>()
  const add = (
    kind: string,
    value: string,
    { id, sha256, size }: { id: string; sha256: string; size: number },
  ): void =>
    void found.set(`${kind}:${value}`, { id: id as BlobId, sha256: sha256 as Sha256, size })
  for (const part of batches(packages)) {
    const digests = [...new Set(part.map((each) => each.checksum.value))]
    const known = await db
      .selectFrom('package')
      .innerJoin('blob', 'blob.id', 'package.blob')
      .select(['package.checksum_type', 'package.checksum', 'blob.id', 'blob.sha256', 'blob.size'])
      .where('package.checksum', 'in', digests)
      .execute()
    for (const row of known) add(row.checksum_type, row.checksum, row)
    // Fetched by a sync that did not end: recorded, and not yet part of any version.
    const loose = await db
      .selectFrom('blob')
      .select(['id', 'sha256', 'size'])
      .where('sha256', 'in', digests)
      .execute()
    for (const row of loose) if (!found.has(`sha256:${row.sha256}`)) add('sha256', row.sha256, row)
  }
  return found
}

/**
 * Writes a version and makes it the newest; returns its id.
 * @throws `mirror.overtaken` if another version was accepted since `after`
 * @param also - more changes of the same transaction, such as an entry of the log
 */
export async function saveVersion(
  database: Database,
  version: NewVersion,
  options: { signal?: AbortSignal; also?: (tx: Kysely<Tables>, id: number) => Promise<void> } = {},
): Promise<number> {
  const at = database.clock.now()
  await recordBlobs(database.query, version.files, at)
  // Most packages of an update are those of the version before it: their rows are there.
  const known = await rowsOfNewest(database.query, version.repository)
  const packages: number[] = []
  const fresh: VersionPackage[] = []
  for (const each of version.packages) {
    const pk = known.get(
      identityOf({
        ...each,
        checksum: each.checksum.value,
        checksum_type: each.checksum.kind,
        href: each.href,
      }),
    )
    if (pk === undefined) fresh.push(each)
    else packages.push(pk)
  }
  for (const part of batches(fresh)) {
    options.signal?.throwIfAborted()
    packages.push(...(await savePackages(database, part, at)))
  }
  // Crash here: package rows that no version names yet. The next sync finds and uses them.
  return database.transaction(
    async (tx) => {
      await requireLast(database, tx, version)
      const row = {
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
      const { id } = await tx
        .insertInto('repository_version')
        .values(row)
        .returning('id')
        .executeTakeFirstOrThrow()
      for (const part of batches(packages))
        await tx
          .insertInto('version_package')
          .values(part.map((pk) => ({ version: id, package: pk })))
          .execute()
      for (const part of batches(version.files))
        await tx
          .insertInto('version_file')
          .values(part.map((file) => fileRow(id, file)))
          .execute()
      await tx
        .updateTable('repository')
        .set({ config_hash: version.configHash })
        .where('id', '=', version.repository)
        .execute()
      await options.also?.(tx, id)
      return id
    },
    options.signal === undefined ? {} : { signal: options.signal },
  )
}

/**
 * The row of the repository puts coordinators that sync it side by side in one order: the guards
 * hold for what is accepted.
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

/** The columns that make a package row unique, as one text; none of them holds a line feed. */
function identityOf(
  row: Pick<
    Tables['package'],
    | 'checksum'
    | 'checksum_type'
    | 'name'
    | 'version'
    | 'release'
    | 'arch'
    | 'href'
    | 'size'
    | 'epoch'
  >,
): string {
  return [
    row.checksum_type,
    row.checksum,
    row.size,
    row.name,
    row.epoch,
    row.version,
    row.release,
    row.arch,
    row.href,
  ].join('\n')
}

async function rowsOfNewest(db: Kysely<Tables>, repository: string): Promise<Map<string, number>> {
  const newest = await newestVersion(db, repository)
  if (newest === undefined) return new Map()
  const rows = await db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select([
      'pk',
      'checksum_type',
      'checksum',
      'size',
      'name',
      'epoch',
      'package.version',
      'release',
      'arch',
      'href',
    ])
    .where('version_package.version', '=', newest.id)
    .execute()
  return new Map(rows.map((row) => [identityOf(row), row.pk]))
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

/** Writes one batch of package rows, or finds them; their keys in no particular order. */
async function savePackages(
  database: Database,
  packages: readonly VersionPackage[],
  at: number,
): Promise<number[]> {
  await recordBlobs(
    database.query,
    packages.map(({ blob, sha256, size }) => ({ id: blob, sha256, size })),
    at,
  )
  const unordered = packages.map((each) => ({
    checksum: each.checksum.value,
    checksum_type: each.checksum.kind,
    sha256: each.sha256,
    blob: each.blob,
    name: each.name,
    epoch: each.epoch,
    version: each.version,
    release: each.release,
    arch: each.arch,
    href: each.href,
    size: each.size,
    installed_size: null,
    build_time: each.buildTime,
    source: each.source,
    summary: null,
  }))
  // In one order, as recordBlobs does: parallel syncs of the same packages would deadlock.
  const rows = unordered
    .map((row) => ({ row, identity: identityOf(row) }))
    .sort((a, b) => (a.identity < b.identity ? -1 : 1))
    .map(({ row }) => row)
  const saved = await database.query
    .insertInto('package')
    .values(rows)
    // The same bytes have the same blob; setting it again is how the row's key comes back on both
    // databases.
    .onConflict((conflict) =>
      conflict
        .columns([
          'checksum',
          'href',
          'name',
          'epoch',
          'version',
          'release',
          'arch',
          'checksum_type',
          'size',
        ])
        .doUpdateSet((excluded) => ({
          blob: excluded.ref('excluded.blob'),
          sha256: excluded.ref('excluded.sha256'),
        })),
    )
    .returning('pk')
    .execute()
  return saved.map((row) => row.pk)
}
