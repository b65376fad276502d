/** Recognises package managers that Muster can't read. Their packages are unknown. */
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ABSENT, type Collector, type CollectorResult, isAbsent } from './collector.ts'

/** The path of each database below the root. */
export const DATABASES: readonly (readonly [manager: string, path: string])[] = [
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
  // Images without dpkg have one file for each package.
  ['distroless', 'var/lib/dpkg/status.d'],
]

export const unsupportedCollectors: readonly Collector[] = [
  ...new Set(DATABASES.map(([manager]) => manager)),
].map((manager) => ({
  manager,
  // Nothing is watched. Each collection checks again whether the manager exists.
  databases: () => [],
  read: ({ root }, signal) => recognise(manager, root, signal),
}))

async function recognise(
  manager: string,
  root: string,
  signal?: AbortSignal,
): Promise<CollectorResult> {
  for (const [owner, path] of DATABASES) {
    signal?.throwIfAborted()
    if (owner === manager && (await isPresent(join(root, path))))
      return { state: 'unsupported', path: `/${path}` }
  }
  return ABSENT
}

/** Returns true if the path may exist, also without permission to access it. */
function isPresent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => !isAbsent(error),
  )
}
