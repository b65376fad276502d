/** The package managers whose order of versions is known. */
import { dpkgVersions } from './dpkg-version.ts'
import type { PackageManager } from './manager.ts'
import { compareEvr, formatEvr, parseEvr, rpmVersions } from './rpm-version.ts'

const MANAGERS: ReadonlyMap<string, PackageManager> = new Map(
  [rpmVersions, dpkgVersions].map((manager) => [manager.name, manager]),
)

/**
 * The manager's rules. Versions of other managers have rpm's order, and a condition without a
 * release means a package that has none.
 */
export function versionsOf(name: string): PackageManager {
  return (
    MANAGERS.get(name) ?? {
      name,
      parse: parseEvr,
      format: formatEvr,
      compare: compareEvr,
      compareToWanted: compareEvr,
    }
  )
}
