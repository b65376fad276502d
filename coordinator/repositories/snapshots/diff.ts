/**
 * What one version of a repository has that another has not: packages, by name and architecture,
 * and the advisories that came with them.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { BlobId } from '../../../shared/ids.ts'
import { compareEvr, type Evr, formatEvr } from '../../../shared/packages/rpm-version.ts'
import type { Tables } from '../../database/tables/all.ts'
import { decompress } from '../decompress/decompress.ts'
import { readAdvisoryIds } from '../formats/rpm/metadata/updateinfo.ts'

export interface Difference {
  /** NEVRAs, in order of name. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /**
   * Where a name and architecture lost one version and got another: its newest before and after.
   */
  readonly updated: readonly {
    readonly name: string
    readonly arch: string
    readonly from: string
    readonly to: string
  }[]
  /** Advisories that only the second version has. */
  readonly advisories: readonly string[]
}

export interface PackageVersion extends Evr {
  readonly name: string
  readonly arch: string
}

/** What updateinfo may decompress to: Red Hat's largest has 150 MiB. */
const MAX_UPDATEINFO_BYTES = 1024 ** 3

/** @param from, to - ids of versions */
export async function diffVersions(
  deps: { query: Kysely<Tables>; pool: Pool },
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Difference> {
  const [before, after] = [await packagesOf(deps.query, from), await packagesOf(deps.query, to)]
  const known = new Set(await advisoriesOf(deps, from, signal))
  const advisories = (await advisoriesOf(deps, to, signal)).filter((id) => !known.has(id))
  return { ...diffPackages(before, after), advisories: advisories.sort() }
}

/**
 * Pure. A name and architecture that has several new versions is updated to the newest; the others
 * are added.
 */
export function diffPackages(
  before: readonly PackageVersion[],
  after: readonly PackageVersion[],
): Omit<Difference, 'advisories'> {
  const was = new Map(before.map((each) => [nevra(each), each]))
  const is = new Map(after.map((each) => [nevra(each), each]))
  const gone = groups([...was].filter(([key]) => !is.has(key)).map(([, each]) => each))
  const come = groups([...is].filter(([key]) => !was.has(key)).map(([, each]) => each))
  const updated: { name: string; arch: string; from: string; to: string }[] = []
  for (const [key, lost] of gone) {
    const got = come.get(key)
    if (got === undefined) continue
    const [old, fresh] = [lost.shift() as PackageVersion, got.shift() as PackageVersion]
    updated.push({ name: old.name, arch: old.arch, from: formatEvr(old), to: formatEvr(fresh) })
  }
  const names = (groups: Map<string, PackageVersion[]>): string[] =>
    [...groups.values()].flat().map(nevra).sort()
  return {
    added: names(come),
    removed: names(gone),
    updated: updated.sort((a, b) => (`${a.name} ${a.arch}` < `${b.name} ${b.arch}` ? -1 : 1)),
  }
}

/** Packages by name and architecture, the newest first. */
function groups(packages: readonly PackageVersion[]): Map<string, PackageVersion[]> {
  const byName = Map.groupBy(packages, (each) => `${each.name} ${each.arch}`)
  for (const group of byName.values()) group.sort((a, b) => compareEvr(b, a))
  return byName
}

export function nevra(each: PackageVersion): string {
  return `${each.name}-${formatEvr(each)}.${each.arch}`
}

async function packagesOf(db: Kysely<Tables>, version: number): Promise<PackageVersion[]> {
  return db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select(['package.name', 'package.arch', 'package.epoch', 'package.version', 'package.release'])
    .where('version_package.version', '=', version)
    .execute()
}

async function advisoriesOf(
  deps: { query: Kysely<Tables>; pool: Pool },
  version: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const file = await deps.query
    .selectFrom('version_file')
    .select(['blob', 'path'])
    .where('version', '=', version)
    .where('type', '=', 'updateinfo')
    .executeTakeFirst()
  if (file === undefined) return []
  const bytes = decompress(deps.pool.read(file.blob as BlobId, undefined, signal), {
    file: file.path,
    maxBytes: MAX_UPDATEINFO_BYTES,
  })
  return readAdvisoryIds(bytes, file.path)
}
