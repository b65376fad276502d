/** The package managers whose order of versions is known. */
import { dpkgVersions } from './dpkg-version.ts'
import type { PackageManager } from './manager.ts'
import { compareEvr, rpmVersions } from './rpm-version.ts'

const MANAGERS: ReadonlyMap<string, PackageManager> = new Map(
  [rpmVersions, dpkgVersions].map((manager) => [manager.name, manager]),
)

/**
 * The rules of a manager. Versions of unknown managers have rpm's order. For them, a condition
 * without a release means a package without one.
 */
export function versionsOf(name: string): PackageManager {
  return MANAGERS.get(name) ?? { ...rpmVersions, name, compareToWanted: compareEvr }
}
