/** Finds the rules for versions of a package manager. */
import { dpkgVersions } from './dpkg-version.ts'
import type { PackageManager } from './manager.ts'
import { compareEvr, rpmVersions } from './rpm-version.ts'

const MANAGERS: ReadonlyMap<string, PackageManager> = new Map(
  [rpmVersions, dpkgVersions].map((manager) => [manager.name, manager]),
)

/**
 * Returns the rules of a manager. Versions of unknown managers have rpm's order. For them, an
 * absent release in a condition means a package without a release.
 */
export function versionsOf(name: string): PackageManager {
  return MANAGERS.get(name) ?? { ...rpmVersions, name, compareToWanted: compareEvr }
}
