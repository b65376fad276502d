/**
 * Which packages dpkg has on the host, whatever is planned for them (a package on hold is there,
 * too): all but those that are not installed or have left only their configuration, as apt counts
 * them. One that waits to be configured counts: its files are there, and in the middle of an
 * upgrade every package waits so, which would be told as its removal and a new installation. Read
 * from dpkg's own files, as dpkg-query reads them: the status file and the updates of a run that
 * hasn't folded them into it yet. No lock and no rights beyond reading are needed.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { factPackage } from '../../../../shared/facts/package-set.ts'
import { MIB } from '../../../../shared/units.ts'
import { admitPackages } from '../admit.ts'
import { readBounded } from '../bounded-file.ts'
import { ABSENT, type Collector, type CollectorResult, oddRecords } from '../collector.ts'
import { type DpkgFault, type DpkgRecord, parseDpkgStatus } from './status.ts'

/** A kilobyte a package; hosts with everything installed have some 70 MB. */
const MAX_STATUS_BYTES = 128 * MIB
/** dpkg folds its updates into the status file after some hundred. */
const MAX_UPDATES = 10_000
/**
 * While dpkg works, its files change under us; between two of its steps they stand still for longer
 * than reading takes.
 */
const ATTEMPTS = 10
/** How the file is called that lists a package's files. */
const LIST = '.list'
const SHOWN_NAMES = 3

const FOLDER = 'var/lib/dpkg'

export const dpkgCollector: Collector = {
  manager: 'dpkg',
  databases: (root) => [{ folder: join(root, FOLDER), files: ['status', 'updates'] }],
  read: readDpkg,
}

async function readDpkg(
  options: { readonly root: string },
  signal?: AbortSignal,
): Promise<CollectorResult> {
  const folder = join(options.root, FOLDER)
  const path = join(folder, 'status')
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    signal?.throwIfAborted()
    try {
      const before = await versionOf(path)
      const unlisted = await filesOfPackages(join(folder, 'info'))
      if (before === undefined) {
        if (unlisted.size === 0) return ABSENT
        return { state: 'unreadable', path, reason: missing('there is no such file', unlisted) }
      }
      const files = [path, ...(await updateFiles(join(folder, 'updates')))]
      const texts: string[] = []
      for (const file of files) {
        const bytes = await readBounded(file, MAX_STATUS_BYTES, signal)
        if (bytes !== undefined) texts.push(bytes.toString('utf8'))
      }
      const isStill = texts.length === files.length && (await versionOf(path)) === before
      if (isStill) return resultOf(path, texts, unlisted)
    } catch (error) {
      if (signal?.aborted === true) throw error
      return { state: 'unreadable', path, reason: (error as Error).message }
    }
  }
  return { state: 'busy', path, reason: `it changed ${ATTEMPTS} times while it was read` }
}

/** @param installed names of the packages that dpkg keeps a list of files for */
function resultOf(
  path: string,
  texts: readonly string[],
  installed: ReadonlySet<string>,
): CollectorResult {
  const files = texts.map(parseDpkgStatus)
  const records = files.map((file) => file.records)
  const faults = files.flatMap((file) => file.faults)
  const recorded = new Set(records.flat().map(nameOf))
  if (recorded.size === 0 && faults.length > 0)
    return { state: 'unreadable', path, reason: faults.map(wordsOf)[0] as string }
  const named = new Set([...recorded, ...faults.map(nameOf)])
  const lost = new Set([...installed].filter((name) => !named.has(name)))
  // A stray list harms nobody. Where most packages have no record, the file lost them.
  if (lost.size * 2 > installed.size)
    return { state: 'unreadable', path, reason: missing('it is cut short', lost) }
  const there = present(records)
  // dpkg removes a package's list before it says that the package isn't there: one, not most.
  const isListed = new Set(there.map(nameOf))
  const isDenied = new Set(records.flatMap((some) => some.filter(isDenial).map(nameOf)))
  const denied = new Set([...installed].filter((one) => isDenied.has(one) && !isListed.has(one)))
  if (denied.size * 2 > installed.size)
    return { state: 'unreadable', path, reason: missing('most are not installed in it', denied) }
  const { packages, odd } = admitPackages(
    there.map(({ name, arch, version }) => factPackage('dpkg', name, arch, version)),
  )
  const partial = there
    .filter(({ arch }) => arch === '')
    .map(({ name }) => `${name} has no architecture`)
  const stray = [...lost].map((name) => `${name} has a list of files and no record`)
  const bad = oddRecords([...faults, ...repeated(records[0] ?? [])])
  const doubts = [...bad.doubts]
  if (lost.size > 0) doubts.push({ reason: missing('it has no record of them', lost), names: lost })
  // dpkg ends every record with a blank line. A file without any is judged by what it lacks.
  const [status = ''] = texts
  if (status !== '' && !status.endsWith('\n\n'))
    doubts.push({ reason: 'its last record has no end' })
  return { state: 'read', packages, odd: [...partial, ...bad.odd, ...odd, ...stray], doubts }
}

/**
 * Packages that the status file has more than one record of, where dpkg allows one. The last one
 * counts, as it does in dpkg's own updates; which of them is right is not known.
 */
function repeated(records: readonly DpkgRecord[]): DpkgFault[] {
  const byName = Map.groupBy(records, nameOf)
  return [...byName].flatMap(([name, some]) => {
    const archs = new Set(some.map(({ arch }) => arch))
    const isAllowed =
      some.length === 1 || (archs.size === some.length && some.every(canStandBeside))
    return isAllowed ? [] : [{ name, reason: `has ${some.length} records` }]
  })
}

/** Records that left only configuration stand beside any other. */
function canStandBeside({ sideBySide, state }: DpkgRecord): boolean {
  return sideBySide || state === 'not-installed' || state === 'config-files'
}

function wordsOf({ name, reason }: DpkgFault): string {
  return name === undefined ? reason : `${name} ${reason}`
}

function missing(what: string, names: ReadonlySet<string>): string {
  const first = [...names].slice(0, SHOWN_NAMES).join(', ')
  const more = names.size > SHOWN_NAMES ? ', …' : ''
  return `${what}, and dpkg keeps the lists of files of ${names.size} packages (${first}${more})`
}

/** Names of the packages that have a list of files: `libc6:amd64.list`, `bash.list`. */
async function filesOfPackages(folder: string): Promise<Set<string>> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  const lists = names.filter((name) => name.endsWith(LIST))
  return new Set(lists.map((name) => name.slice(0, -LIST.length).replace(/:.*/, '')))
}

/** Later records replace earlier ones of the same package. */
function present(files: readonly (readonly DpkgRecord[])[]): DpkgRecord[] {
  const byName = new Map<string, DpkgRecord[]>()
  for (const [i, records] of files.entries()) {
    for (const record of records) {
      const others = byName.get(record.name) ?? []
      // In the status file, one name stands once for each architecture; an update replaces its own,
      // or the only one.
      const kept = others.filter(
        (other) => other.arch !== record.arch && (i === 0 || record.sideBySide),
      )
      byName.set(record.name, [...kept, record])
    }
  }
  return [...byName.values()].flat().filter((record) => isThere(record))
}

function isDenial({ state }: DpkgRecord): boolean {
  return state === 'not-installed'
}

function nameOf<N>({ name }: { readonly name: N }): N {
  return name
}

/**
 * `half-installed` is there in part: its old or new files, under the version that its record names,
 * if it names one yet.
 */
function isThere({ state, version }: DpkgRecord): boolean {
  return state !== 'not-installed' && state !== 'config-files' && version !== ''
}

/** Inode, size and time of the last change; undefined if there is no such file. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * dpkg's update files are named by a counter; it ignores other names, among them the one that is
 * being written.
 */
async function updateFiles(folder: string): Promise<string[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const numbered = names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  if (numbered.length > MAX_UPDATES)
    throw new Error(`there are ${numbered.length} unfolded updates`)
  return numbered.map((name) => join(folder, name))
}
