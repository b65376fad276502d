/**
 * Selects the newest packages of a repository as `dnf reposync --newest-only` does. Each module
 * stream keeps its newest version, and the versions that have the newest build of a package.
 * Packages outside of modules are kept if they are the newest of their name and architecture.
 */
import { compareEvr } from '../../../../shared/packages/rpm-version.ts'
import type { ModuleVersion } from './metadata/modules.ts'
import type { ListedPackage } from '../../model/package.ts'

/** Returns the packages of `listed` to keep, in its order. Pure. */
export function newestPackages(
  listed: readonly ListedPackage[],
  modules: readonly ModuleVersion[],
): ListedPackage[] {
  const artifacts = new Set(modules.flatMap((each) => each.artifacts))
  const isModular = (each: ListedPackage): boolean => artifacts.has(nevra(each))
  const modular: Modular = Map.groupBy(listed.filter(isModular), nevra)
  const streams = Map.groupBy(modules, (each) => each.stream).values()
  const needed = [...streams].flatMap((versions) => neededOf(versions, modular))
  const kept = new Set([
    ...latest(listed.filter((each) => !isModular(each))),
    ...needed.flatMap((version) => packagesOf(version.artifacts, modular)),
  ])
  return listed.filter((each) => kept.has(each))
}

/** Listed packages that belong to a module, by their names in modules.yaml. */
type Modular = ReadonlyMap<string, readonly ListedPackage[]>

function packagesOf(artifacts: Iterable<string>, modular: Modular): ListedPackage[] {
  return [...artifacts].flatMap((artifact) => modular.get(artifact) ?? [])
}

/** Returns the versions of one stream that are kept. */
function neededOf(versions: readonly ModuleVersion[], modular: Modular): ModuleVersion[] {
  const newestWith = new Map<string, bigint>()
  let newest = 0n
  for (const { version, artifacts } of versions) {
    if (version > newest) newest = version
    for (const artifact of artifacts)
      if (version > (newestWith.get(artifact) ?? -1n)) newestWith.set(artifact, version)
  }
  const builds = latest(packagesOf(newestWith.keys(), modular))
  const numbers = new Set([newest, ...builds.map((each) => newestWith.get(nevra(each)))])
  return versions.filter((each) => numbers.has(each.version))
}

/** Returns all packages with the newest version of their name and architecture. */
function latest(packages: readonly ListedPackage[]): ListedPackage[] {
  const best = new Map<string, { readonly newest: ListedPackage; readonly all: ListedPackage[] }>()
  for (const each of packages) {
    const key = `${each.name} ${each.arch}`
    const rivals = best.get(key)
    const order = rivals === undefined ? 1 : compareEvr(each, rivals.newest)
    if (order > 0) best.set(key, { newest: each, all: [each] })
    else if (order === 0) rivals?.all.push(each)
  }
  return [...best.values()].flatMap(({ all }) => all)
}

/** Returns the package's name in the form of modules.yaml. */
function nevra({ name, epoch, version, release, arch }: ListedPackage): string {
  return `${name}-${epoch}:${version}-${release}.${arch}`
}
