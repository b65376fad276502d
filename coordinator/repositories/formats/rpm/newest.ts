/**
 * The newest packages of a repository, as `dnf reposync --newest-only` takes them: outside of
 * modules the newest of each name and architecture; of each module stream its newest version, and
 * those of its versions that hold the newest build of one of its packages. So a package of one
 * stream never displaces the same package of another.
 */
import { compareEvr } from '../../../../shared/packages/rpm-version.ts'
import type { ModuleVersion } from './metadata/modules.ts'
import type { ListedPackage } from '../../model/package.ts'

/** The packages of `listed` to keep, in its order. Pure. */
export function newestPackages(
  listed: readonly ListedPackage[],
  modules: readonly ModuleVersion[],
): ListedPackage[] {
  const artifacts = new Set(modules.flatMap((each) => each.artifacts))
  const plain: ListedPackage[] = []
  const modular: Modular = new Map()
  for (const each of listed) {
    const name = nevra(each)
    if (!artifacts.has(name)) plain.push(each)
    else modular.set(name, [...(modular.get(name) ?? []), each])
  }
  const kept = new Set(latest(plain))
  for (const versions of Map.groupBy(modules, (each) => each.stream).values())
    for (const each of neededOf(versions, modular))
      for (const artifact of each.artifacts)
        for (const one of modular.get(artifact) ?? []) kept.add(one)
  return listed.filter((each) => kept.has(each))
}

/** Listed packages that belong to a module, by what modules.yaml calls them. */
type Modular = Map<string, ListedPackage[]>

/** The versions of one stream that are kept. */
function neededOf(versions: readonly ModuleVersion[], modular: Modular): ModuleVersion[] {
  const newestWith = new Map<string, bigint>()
  let newest = 0n
  for (const { version, artifacts } of versions) {
    if (version > newest) newest = version
    for (const artifact of artifacts)
      if (version > (newestWith.get(artifact) ?? -1n)) newestWith.set(artifact, version)
  }
  const numbers = new Set([newest])
  for (const each of latest(
    [...newestWith.keys()].flatMap((artifact) => modular.get(artifact) ?? []),
  ))
    numbers.add(newestWith.get(nevra(each)) as bigint)
  return versions.filter((each) => numbers.has(each.version))
}

/** The newest of each name and architecture; all that have the same version. */
function latest(packages: readonly ListedPackage[]): ListedPackage[] {
  const best = new Map<string, ListedPackage[]>()
  for (const each of packages) {
    const key = `${each.name} ${each.arch}`
    const rivals = best.get(key)
    const order = rivals === undefined ? 1 : compareEvr(each, rivals[0] as ListedPackage)
    if (order > 0) best.set(key, [each])
    else if (order === 0) rivals?.push(each)
  }
  return [...best.values()].flat()
}

/** As modules.yaml writes it. */
function nevra({ name, epoch, version, release, arch }: ListedPackage): string {
  return `${name}-${epoch}:${version}-${release}.${arch}`
}
