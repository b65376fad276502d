/**
 * The rows of packages. All versions and repositories share them. A package that is listed in the
 * same way again gets the same row.
 */
import type { Kysely, Selectable } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import { batches, recordBlobs } from '../content/blobs.ts'
import type { VersionPackage } from '../model/version.ts'
import { newestVersion } from './versions.ts'

/** The columns that make a row unique. */
const IDENTITY = [
  'checksum_type',
  'checksum',
  'size',
  'name',
  'epoch',
  'version',
  'release',
  'arch',
  'href',
] as const
type Identity = Pick<Selectable<Tables['package']>, (typeof IDENTITY)[number]>

export interface PackagesOfVersion {
  readonly repository: string
  readonly packages: readonly VersionPackage[]
}

/** Returns the keys of the rows of all packages, in no particular order. Writes missing rows. */
export async function packageRows(
  database: Database,
  { repository, packages }: PackagesOfVersion,
  signal?: AbortSignal,
): Promise<number[]> {
  // Most packages of a new version are in the version before it, so their rows exist.
  const known = await rowsOfNewest(database.query, repository)
  const keys: number[] = []
  const missing: VersionPackage[] = []
  for (const each of packages) {
    const key = known.get(identityText(identityOf(each)))
    if (key === undefined) missing.push(each)
    else keys.push(key)
  }
  for (const part of batches(missing)) {
    signal?.throwIfAborted()
    keys.push(...(await writeRows(database, part)))
  }
  return keys
}

function identityOf(each: VersionPackage): Identity {
  return {
    checksum_type: each.checksum.kind,
    checksum: each.checksum.value,
    size: each.size,
    name: each.name,
    epoch: each.epoch,
    version: each.version,
    release: each.release,
    arch: each.arch,
    href: each.href,
  }
}

/** Joins all columns to one text. None of them contains a line feed. */
function identityText(row: Identity): string {
  return IDENTITY.map((column) => row[column]).join('\n')
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
  return new Map(rows.map((row) => [identityText(row), row.pk]))
}

/** Writes or finds one batch of rows. Returns their keys in no particular order. */
async function writeRows(
  database: Database,
  packages: readonly VersionPackage[],
): Promise<number[]> {
  await recordBlobs(
    database.query,
    packages.map(({ blob, sha256, size }) => ({ id: blob, sha256, size })),
    database.clock.now(),
  )
  const saved = await database.query
    .insertInto('package')
    .values(sortedRows(packages))
    // The same bytes have the same blob. Setting it again makes both databases return the key.
    .onConflict((conflict) =>
      conflict.columns([...IDENTITY]).doUpdateSet((excluded) => ({
        blob: excluded.ref('excluded.blob'),
        sha256: excluded.ref('excluded.sha256'),
      })),
    )
    .returning('pk')
    .execute()
  return saved.map((row) => row.pk)
}

/** Sorts the rows, so that all syncs write in one order. Otherwise two syncs could deadlock. */
function sortedRows(packages: readonly VersionPackage[]) {
  return packages
    .map((each) => ({ each, text: identityText(identityOf(each)) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ each }) => ({
      ...identityOf(each),
      sha256: each.sha256,
      blob: each.blob,
      build_time: each.buildTime,
      source: each.source,
      installed_size: null,
      summary: null,
    }))
}
