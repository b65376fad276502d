/**
 * Package managers that are on the host and that Muster doesn't read: their packages are unknown.
 */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Found } from './collector.ts'

/** Where each keeps its database, below the root. */
const DATABASES: readonly (readonly [manager: string, path: string])[] = [
  ['portage', 'var/db/pkg'],
  ['apk', 'lib/apk/db/installed'],
  ['apk', 'usr/lib/apk/db/installed'],
  ['pacman', 'var/lib/pacman/local'],
  ['nix', 'nix/var/nix/db'],
  ['guix', 'var/guix/db'],
  ['xbps', 'var/db/xbps'],
  ['opkg', 'usr/lib/opkg/status'],
  ['opkg', 'var/lib/opkg/status'],
  ['pkgtools', 'var/lib/pkgtools/packages'],
  ['pkgtools', 'var/log/packages'],
  ['eopkg', 'var/lib/eopkg/package'],
  ['swupd', 'usr/share/clear/bundles'],
  // Images without dpkg itself keep one file for each package.
  ['distroless', 'var/lib/dpkg/status.d'],
]

/** @param options.root the file system's root, `/` but in tests */
export async function findUnsupported(options: { root: string }): Promise<Found[]> {
  const found = new Map<string, Found>()
  for (const [manager, path] of DATABASES) {
    const isThere = await lstat(join(options.root, path)).then(
      () => true,
      () => false,
    )
    if (isThere && !found.has(manager))
      found.set(manager, { manager, result: { state: 'unsupported', path: `/${path}` } })
  }
  return [...found.values()]
}
