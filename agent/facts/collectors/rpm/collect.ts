/**
 * Which packages rpm has installed: from its SQLite database if the host has one that we can read,
 * else from rpm itself, both on a private copy. A database that can't be read whole is never half
 * believed.
 */
import { access, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { MusterError } from '../../../../shared/errors.ts'
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import type { Logger } from '../../../../shared/logger.ts'
import { admitPackages } from '../../admit.ts'
import { ABSENT, type CollectorResult } from '../collector.ts'
import { collectError } from '../../errors.ts'
import { ChangedWhileRead, withPrivateCopy } from '../private-copy.ts'
import { readRpmDatabase } from './database.ts'
import { queryRpm } from './query.ts'

/** Where distributions keep the database: Fedora, RHEL 10 and SUSE; ostree; the others. */
export const RPM_FOLDERS = ['usr/lib/sysimage/rpm', 'usr/share/rpm', 'var/lib/rpm'] as const
const SQLITE = 'rpmdb.sqlite'
/** ndb (SUSE), and Berkeley DB (RHEL 8 and older): only rpm reads them. In order of preference. */
export const RPM_FILES = [SQLITE, 'Packages.db', 'Packages'] as const
/** Files that belong to each. Indexes of Berkeley DB aren't needed to list packages. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  [SQLITE]: [`${SQLITE}-wal`, `${SQLITE}-journal`],
  'Packages.db': ['Index.db'],
}

export interface RpmOptions {
  /** The file system's root, `/` but in tests. */
  readonly root: string
  /** rpm's path or name. */
  readonly program: string
  /** Where private copies of the database are made. Default: the system's temporary folder. */
  readonly scratch?: string
}

/** Reads the first database that lists packages. */
export async function readRpm(
  deps: { log: Logger },
  options: RpmOptions,
  signal?: AbortSignal,
): Promise<CollectorResult> {
  let empty: CollectorResult | undefined
  for (const path of await findDatabases(options.root)) {
    const result = await readOne(deps, { ...options, path }, signal)
    // An rpm that doesn't know a database makes an empty one beside it: the other one counts.
    if (result.state !== 'read' || result.packages.length > 0) return result
    empty ??= result
  }
  return empty ?? ABSENT
}

async function readOne(
  deps: { log: Logger },
  options: RpmOptions & { path: string },
  signal?: AbortSignal,
): Promise<CollectorResult> {
  const { path, program, scratch = tmpdir() } = options
  const [folder, main] = [dirname(path), basename(path)]
  const from = { folder, main, beside: BESIDE[main] ?? [], scratch }
  try {
    const packages = await withPrivateCopy(
      from,
      (copy) =>
        main === SQLITE
          ? readSqlite(deps, { path, copy, program }, signal)
          : queryRpm({ program, folder: copy, shown: folder }, signal),
      signal,
    )
    return { state: 'read', ...admitPackages(packages), doubts: [] }
  } catch (error) {
    signal?.throwIfAborted()
    const reason =
      error instanceof MusterError && typeof error.data['reason'] === 'string'
        ? error.data['reason']
        : (error as Error).message
    if (error instanceof ChangedWhileRead) return { state: 'busy', path, reason }
    deps.log.debug({ path, error }, 'the rpm database could not be read')
    return { state: 'unreadable', path, reason }
  }
}

async function readSqlite(
  deps: { log: Logger },
  { path, copy, program }: { path: string; copy: string; program: string },
  signal?: AbortSignal,
): Promise<FactPackage[]> {
  try {
    return await readRpmDatabase(join(copy, SQLITE), signal, path)
  } catch (error) {
    signal?.throwIfAborted()
    deps.log.warn({ path, error }, 'the rpm database could not be read directly; asking rpm')
    const asked = await queryRpm({ program, folder: copy, shown: dirname(path) }, signal).catch(
      () => undefined,
    )
    signal?.throwIfAborted()
    // rpm lists nothing, and no error, for some databases that are damaged.
    if (asked !== undefined && asked.length > 0) return asked
    throw collectError(
      'facts.unreadable',
      { manager: 'rpm', path, reason: (error as Error).message },
      { cause: error },
    )
  }
}

/** All that are there, each once although links lead to it twice. */
async function findDatabases(root: string): Promise<string[]> {
  const found = new Map<string, string>()
  for (const folder of RPM_FOLDERS) {
    for (const file of RPM_FILES) {
      const path = join(root, folder, file)
      // One that can't be looked at counts as there: reading it gives the reason.
      const isThere = await access(path).then(
        () => true,
        (error: unknown) => !isAbsent(error),
      )
      if (!isThere) continue
      const id = await stat(path).then(
        ({ dev, ino }) => `${dev} ${ino}`,
        () => path,
      )
      if (!found.has(id)) found.set(id, path)
    }
  }
  return [...found.values()]
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
