/**
 * Which packages rpm has installed: from its SQLite database if the host has one that we can read,
 * else from rpm itself, both on a private copy. A database that can't be read whole is never half
 * believed.
 */
import { access, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { MusterError } from '../../../../shared/errors.ts'
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
import { collectorError } from '../errors.ts'
import { ChangedWhileRead, withPrivateCopy } from '../private-copy.ts'
import { readRpmDatabase } from './database.ts'
import type { RpmList } from './list.ts'
import { queryRpm } from './query.ts'

/** Where distributions keep the database: Fedora, RHEL 10 and SUSE; ostree; the others. */
const RPM_FOLDERS = ['usr/lib/sysimage/rpm', 'usr/share/rpm', 'var/lib/rpm'] as const
const SQLITE = 'rpmdb.sqlite'
/** ndb (SUSE), and Berkeley DB (RHEL 8 and older): only rpm reads them. In order of preference. */
const RPM_FILES = [SQLITE, 'Packages.db', 'Packages'] as const
/** Files that belong to each. Indexes of Berkeley DB aren't needed to list packages. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  [SQLITE]: [`${SQLITE}-wal`, `${SQLITE}-journal`],
  'Packages.db': ['Index.db'],
}

/** What a transaction changes beside {@link RPM_FILES}. */
const LOG = `${SQLITE}-wal`

interface RpmOptions {
  readonly program: string
  readonly scratch: string
}

/**
 * @param options.rpm rpm's path or name. Default: `rpm` of the system
 * @param options.scratch where private copies of the database are made. Default: the system's
 * temporary folder
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
    // Of a database in which no record can be read, none is odd: it is damaged.
    if (packages.length === 0 && bad.length > 0)
      return { state: 'unreadable', path, reason: damaged[0] as string }
    return { state: 'read', packages, odd: [...damaged, ...odd], doubts }
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

/**
 * Reads it directly; where that fails, wholly or for some records, rpm is asked too, which may
 * know better.
 */
async function readSqlite(
  deps: { log: Logger },
  { path, copy, program }: { path: string; copy: string; program: string },
  signal?: AbortSignal,
): Promise<RpmList> {
  const read = await readRpmDatabase(join(copy, SQLITE), signal).catch((error: unknown) => {
    signal?.throwIfAborted()
    return error as Error
  })
  if (!(read instanceof Error) && read.bad.length === 0) return read
  const reason = read instanceof Error ? read.message : `${read.bad.length} records can't be read`
  deps.log.warn({ path, reason }, 'the rpm database could not be read directly; asking rpm')
  const asked = await queryRpm({ program, folder: copy, shown: dirname(path) }, signal).catch(
    () => undefined,
  )
  signal?.throwIfAborted()
  if (read instanceof Error) {
    // rpm lists nothing, and no error, for some databases that are damaged.
    if (asked !== undefined && asked.packages.length > 0) return asked
    throw collectorError('facts.unreadable', { manager: 'rpm', path, reason }, { cause: read })
  }
  const isBetter = asked !== undefined && asked.packages.length > read.packages.length
  return isBetter ? asked : read
}

/** All that are there, each once although links lead to it twice. */
async function findDatabases(root: string): Promise<string[]> {
  const found = new Map<string, string>()
  for (const { folder, files } of databases(root)) {
    for (const file of files) {
      if (file === LOG) continue
      const path = join(folder, file)
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
