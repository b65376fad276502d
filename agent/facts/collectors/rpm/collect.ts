/**
 * Collects the packages of rpm. The agent reads a SQLite database itself. For other databases, it
 * runs rpm. Both use a private copy. If no record can be read, the database is unreadable.
 */
import { access, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Logger } from '../../../../shared/logger.ts'
import { admitPackages } from '../admit.ts'
import {
  ABSENT,
  type Collector,
  type CollectorResult,
  isAbsent,
  oddRecords,
  type Watched,
} from '../collector.ts'
import { collectorError, reasonOf } from '../errors.ts'
import { ChangedWhileRead, withPrivateCopy } from '../private-copy.ts'
import { readRpmDatabase } from './database.ts'
import type { RpmList } from './list.ts'
import { queryRpm } from './query.ts'

/**
 * The folders of the database: first that of Fedora, RHEL 10 and SUSE, then that of ostree, then
 * that of other distributions.
 */
const RPM_FOLDERS = ['usr/lib/sysimage/rpm', 'usr/share/rpm', 'var/lib/rpm'] as const
const SQLITE = 'rpmdb.sqlite'
/**
 * The database files in order of preference. Only rpm reads ndb (SUSE) and Berkeley DB (RHEL 8 and
 * older).
 */
const RPM_FILES = [SQLITE, 'Packages.db', 'Packages'] as const
/** Further files of each database. The indexes of Berkeley DB aren't needed to list packages. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  [SQLITE]: [`${SQLITE}-wal`, `${SQLITE}-journal`],
  'Packages.db': ['Index.db'],
}

/** A transaction also changes this file. */
const LOG = `${SQLITE}-wal`

interface RpmOptions {
  readonly program: string
  readonly scratch: string
}

/**
 * @param options.rpm rpm's path or name. Default: `rpm` of the system
 * @param options.scratch folder for private copies. Default: the system's temporary folder
 */
export function createRpmCollector(
  deps: { readonly log: Logger },
  options: { readonly rpm?: string; readonly scratch?: string } = {},
): Collector {
  const { rpm: program = 'rpm', scratch = tmpdir() } = options
  return {
    manager: 'rpm',
    databases,
    read: ({ root }, signal) => readRpm(deps, { root, program, scratch }, signal),
  }
}

function databases(root: string): Watched[] {
  return RPM_FOLDERS.map((folder) => ({ folder: join(root, folder), files: [...RPM_FILES, LOG] }))
}

/** Reads the first database that lists packages. */
async function readRpm(
  deps: { log: Logger },
  options: RpmOptions & { root: string },
  signal?: AbortSignal,
): Promise<CollectorResult> {
  let empty: CollectorResult | undefined
  for (const path of await findDatabases(options.root)) {
    const result = await readOne(deps, { ...options, path }, signal)
    // An rpm that doesn't support a database creates an empty one beside it. The empty one doesn't
    // count.
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
  const { path, program, scratch } = options
  const [folder, main] = [dirname(path), basename(path)]
  const from = { folder, main, beside: BESIDE[main] ?? [], scratch }
  try {
    const { packages: listed, bad } = await withPrivateCopy(
      from,
      (copy) =>
        main === SQLITE
          ? readSqlite(deps, { path, copy, program }, signal)
          : queryRpm({ program, folder: copy, shown: folder }, signal),
      signal,
    )
    const { packages, odd } = admitPackages(listed)
    const { odd: damaged, doubts } = oddRecords(bad)
    // If no record can be read, the whole database is damaged.
    const [reason] = damaged
    if (packages.length === 0 && reason !== undefined) return { state: 'unreadable', path, reason }
    return { state: 'read', packages, odd: [...damaged, ...odd], doubts }
  } catch (error) {
    signal?.throwIfAborted()
    const reason = reasonOf(error)
    if (error instanceof ChangedWhileRead) return { state: 'busy', path, reason }
    deps.log.debug({ path, error }, 'the rpm database could not be read')
    return { state: 'unreadable', path, reason }
  }
}

/**
 * Reads the database directly. If that fails for some or all records, rpm may read more of them.
 */
async function readSqlite(
  deps: { log: Logger },
  { path, copy, program }: { path: string; copy: string; program: string },
  signal?: AbortSignal,
): Promise<RpmList> {
  const direct = await readDirectly(join(copy, SQLITE), signal)
  if (direct.list?.bad.length === 0) return direct.list
  const { list, reason } = direct
  deps.log.warn({ path, reason }, 'the rpm database could not be read directly; asking rpm')
  const asked = await queryRpm({ program, folder: copy, shown: dirname(path) }, signal).catch(
    () => undefined,
  )
  signal?.throwIfAborted()
  // For some damaged databases, rpm lists no packages and reports no error.
  if (asked !== undefined && asked.packages.length > (list?.packages.length ?? 0)) return asked
  if (list !== undefined) return list
  throw collectorError(
    'facts.unreadable',
    { manager: 'rpm', path, reason },
    { cause: direct.cause },
  )
}

/** Returns the list, or the cause of the failure. `reason` describes what could not be read. */
async function readDirectly(
  file: string,
  signal?: AbortSignal,
): Promise<{ readonly list?: RpmList; readonly reason: string; readonly cause?: unknown }> {
  try {
    const list = await readRpmDatabase(file, signal)
    return { list, reason: `${list.bad.length} records can't be read` }
  } catch (cause) {
    signal?.throwIfAborted()
    return { reason: reasonOf(cause), cause }
  }
}

/** Returns all databases that exist. A database that links name twice is returned once. */
async function findDatabases(root: string): Promise<string[]> {
  const found = new Map<string, string>()
  const paths = databases(root).flatMap(({ folder, files }) =>
    files.filter((file) => file !== LOG).map((file) => join(folder, file)),
  )
  for (const path of paths) {
    if (!(await isPresent(path))) continue
    const id = await stat(path).then(
      ({ dev, ino }) => `${dev} ${ino}`,
      () => path,
    )
    if (!found.has(id)) found.set(id, path)
  }
  return [...found.values()]
}

/** Returns true if the path may exist. Without permission, the later read returns the reason. */
function isPresent(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => !isAbsent(error),
  )
}
