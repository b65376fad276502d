/**
 * Compares two versions of a repository: packages by name and architecture, and advisories that
 * only the second version has.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { NamedVersion, PackageManager } from '../../../shared/packages/manager.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { RepositoryFormat } from '../formats/format.ts'
import { filesOf } from '../versions/versions.ts'

export interface Difference {
  /** Packages in the form of their manager, in order of name. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Each name and architecture whose version changed, with the newest version before and after. */
  readonly updated: readonly {
    readonly name: string
    readonly arch: string
    readonly from: string
    readonly to: string
  }[]
  /** Advisories that only the second version has. */
  readonly advisories: readonly string[]
}

export interface DiffDeps {
  readonly query: Kysely<Tables>
  readonly pool: Pool
  readonly format: RepositoryFormat
}

/** @param from, to - the ids of two versions of one repository */
export async function diffVersions(
  deps: DiffDeps,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Difference> {
  const [before, after] = [await packagesOf(deps.query, from), await packagesOf(deps.query, to)]
  const known = new Set(await advisoriesOf(deps, from, signal))
  const advisories = (await advisoriesOf(deps, to, signal)).filter((id) => !known.has(id))
  return { ...diffPackages(deps.format.manager, before, after), advisories: advisories.sort() }
}

/**
 * Compares two sets of packages. If a name and architecture has several new versions, it is updated
 * to the newest one and the others are added. Pure.
 */
export function diffPackages(
  manager: PackageManager,
  before: readonly NamedVersion[],
  after: readonly NamedVersion[],
): Omit<Difference, 'advisories'> {
  const removed = newestFirst(manager, missingIn(manager, before, after))
  const added = newestFirst(manager, missingIn(manager, after, before))
  const updated: { name: string; arch: string; from: string; to: string }[] = []
  for (const [key, group] of removed) {
    const fresh = added.get(key)?.shift()
    const old = fresh === undefined ? undefined : group.shift()
    if (fresh === undefined || old === undefined) continue
    const { name, arch } = old
    updated.push({ name, arch, from: manager.format(old), to: manager.format(fresh) })
  }
  const names = (groups: ReadonlyMap<string, readonly NamedVersion[]>): string[] =>
    [...groups.values()].flat().map(manager.formatPackage).sort()
  return {
    added: names(added),
    removed: names(removed),
    updated: updated.sort((a, b) => (`${a.name} ${a.arch}` < `${b.name} ${b.arch}` ? -1 : 1)),
  }
}

/** Returns the packages of `these` that `others` lacks, each once. */
function missingIn(
  { formatPackage }: PackageManager,
  these: readonly NamedVersion[],
  others: readonly NamedVersion[],
): NamedVersion[] {
  const known = new Set(others.map(formatPackage))
  const missing = new Map(these.map((each) => [formatPackage(each), each]))
  return [...missing].filter(([name]) => !known.has(name)).map(([, each]) => each)
}

/** Groups packages by name and architecture, the newest of each first. */
function newestFirst(
  manager: PackageManager,
  packages: readonly NamedVersion[],
): Map<string, NamedVersion[]> {
  const groups = Map.groupBy(packages, (each) => `${each.name} ${each.arch}`)
  for (const group of groups.values()) group.sort((a, b) => manager.compare(b, a))
  return groups
}

async function packagesOf(db: Kysely<Tables>, version: number): Promise<NamedVersion[]> {
  return db
    .selectFrom('version_package')
    .innerJoin('package', 'package.pk', 'version_package.package')
    .select(['package.name', 'package.arch', 'package.epoch', 'package.version', 'package.release'])
    .where('version_package.version', '=', version)
    .execute()
}

async function advisoriesOf(
  deps: DiffDeps,
  version: number,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  return deps.format.advisories(deps, await filesOf(deps.query, version), signal)
}
