/** Removes packages that a set can't have, so that the others can be recorded. Pure. */
import { comparePackages, factPackage, packageFault } from '../../../shared/facts/package-set.ts'
import { type FactPackage, MAX_TEXT } from '../../../shared/facts/package-set.ts'
import { formatEvr } from '../../../shared/packages/evr.ts'

const SHOWN_CHARS = 80

/** Returns the packages that a set can have, and a text for each of the others. */
export function admitPackages(packages: readonly FactPackage[]): {
  packages: FactPackage[]
  odd: string[]
} {
  const odd: string[] = []
  const admitted = packages.filter((pkg) => {
    const fault = packageFault(pkg) ?? versionFault(pkg)
    if (fault !== undefined) odd.push(`${shown(pkg.name)} is left out: ${fault}`)
    return fault === undefined
  })
  return { packages: admitted, odd }
}

/** Finds a version that can't be parsed again. Events contain the version as one text. */
function versionFault(pkg: FactPackage): string | undefined {
  const evr = formatEvr(pkg)
  if (evr.length > MAX_TEXT)
    return `its version has ${evr.length} characters (at most ${MAX_TEXT} are allowed)`
  const again = factPackage(pkg.manager, pkg.name, pkg.arch, evr)
  return comparePackages(again, pkg) === 0 ? undefined : 'its version is ambiguous'
}

function shown(name: string): string {
  return name.length <= SHOWN_CHARS ? name : `${name.slice(0, SHOWN_CHARS).toWellFormed()}…`
}
