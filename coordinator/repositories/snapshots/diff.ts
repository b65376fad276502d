/**
 * What one version of a repository has that another has not: packages, by name and architecture,
 * and the advisories that came with them.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { Notation, RepositoryFormat } from '../formats/format.ts'
import type { PackageVersion } from '../model/package.ts'
import { filesOf } from '../versions/versions.ts'

export interface Difference {
  /** Packages as the format writes them, in order of name. */
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

export interface NamedVersion extends PackageVersion {
  readonly name: string
  readonly arch: string
}

export interface DiffDeps {
  readonly query: Kysely<Tables>
  readonly pool: Pool
  readonly format: RepositoryFormat
}

/** @param from, to - ids of versions of one repository */
export async function diffVersions(
  deps: DiffDeps,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Difference> {
  const [before, after] = [await packagesOf(deps.query, from), await packagesOf(deps.query, to)]
  const known = new Set(await advisoriesOf(deps, from, signal))
  const advisories = (await advisoriesOf(deps, to, signal)).filter((id) => !known.has(id))
  return { ...diffPackages(deps.format.notation, before, after), advisories: advisories.sort() }
}

/**
 * Pure. A name and architecture that has several new versions is updated to the newest; the others
 * are added.
 */
export function diffPackages(
  notation: Notation,
  before: readonly NamedVersion[],
  after: readonly NamedVersion[],
): Omit<Difference, 'advisories'> {
  const was = new Map(before.map((each) => [notation.package(each), each]))
  const is = new Map(after.map((each) => [notation.package(each), each]))
  const gone = groups(
    notation,
    [...was].filter(([key]) => !is.has(key)).map(([, each]) => each),
  )
  const come = groups(
    notation,
    [...is].filter(([key]) => !was.has(key)).map(([, each]) => each),
  )
  const updated: { name: string; arch: string; from: string; to: string }[] = []
  for (const [key, lost] of gone) {
    const got = come.get(key)
    if (got === undefined) continue
    const [old, fresh] = [lost.shift() as NamedVersion, got.shift() as NamedVersion]
    const { name, arch } = old
    updated.push({ name, arch, from: notation.version(old), to: notation.version(fresh) })
  }
  const names = (groups: Map<string, NamedVersion[]>): string[] =>
    [...groups.values()].flat().map(notation.package).sort()
  return {
    added: names(come),
    removed: names(gone),
    updated: updated.sort((a, b) => (`${a.name} ${a.arch}` < `${b.name} ${b.arch}` ? -1 : 1)),
  }
}

/** Packages by name and architecture, the newest first. */
function groups(
  notation: Notation,
  packages: readonly NamedVersion[],
): Map<string, NamedVersion[]> {
  const byName = Map.groupBy(packages, (each) => `${each.name} ${each.arch}`)
  for (const group of byName.values()) group.sort((a, b) => notation.compare(b, a))
  return byName
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
