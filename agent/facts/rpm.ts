/**
 * Which packages rpm has installed: from its SQLite database if the host has one that we can read, else from rpm itself. What rpm
 * answers is the truth; a database that we can't read whole is never half believed.
 */
import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FactPackage } from '../../shared/facts/package-set.ts'
import type { Logger } from '../../shared/logger.ts'
import { collectError } from './errors.ts'
import { readRpmDatabase } from './rpm-database.ts'
import { queryRpm } from './rpm-query.ts'

/** Where distributions keep the database: Fedora, RHEL 10 and SUSE; ostree; everybody else. */
export const RPM_FOLDERS = ['usr/lib/sysimage/rpm', 'usr/share/rpm', 'var/lib/rpm'] as const
const SQLITE = 'rpmdb.sqlite'
/** The first that is there is the database. ndb (SUSE), and Berkeley DB (RHEL 8 and older): only rpm reads them. */
export const RPM_FILES = [SQLITE, 'Packages.db', 'Packages'] as const

/**
 * @param options.root the file system's root, `/` but in tests
 * @param options.program rpm's path or name
 * @returns undefined if the host has no rpm database
 * @throws facts.unreadable, facts.rpm
 */
export async function readRpm(
  deps: { log: Logger },
  options: { root: string; program: string },
  signal?: AbortSignal,
): Promise<FactPackage[] | undefined> {
  const path = await findDatabase(options.root)
  if (path === undefined) return undefined
  const ask = (): Promise<FactPackage[]> =>
    queryRpm({ program: options.program, folder: dirname(path) }, signal)
  if (!path.endsWith(SQLITE)) return ask()
  try {
    return await readRpmDatabase(path, signal)
  } catch (error) {
    signal?.throwIfAborted()
    deps.log.warn({ path, error }, 'the rpm database could not be read directly; asking rpm')
    return ask().catch(() => {
      signal?.throwIfAborted()
      throw collectError(
        'facts.unreadable',
        { manager: 'rpm', path, reason: (error as Error).message },
        { cause: error },
      )
    })
  }
}

async function findDatabase(root: string): Promise<string | undefined> {
  for (const folder of RPM_FOLDERS) {
    for (const file of RPM_FILES) {
      const path = join(root, folder, file)
      // An unreadable one counts as there: facts must fail then, not say that the host has no packages.
      const there = await access(path).then(
        () => true,
        (error: unknown) =>
          (error as NodeJS.ErrnoException).code !== 'ENOENT' &&
          (error as NodeJS.ErrnoException).code !== 'ENOTDIR',
      )
      if (there) return path
    }
  }
  return undefined
}
