/**
 * Collects the packages of dpkg as dpkg-query does. It reads the status file and the updates that
 * dpkg has not merged into it yet. A package counts if any of its files may be installed, so all
 * states count except `not-installed` and `config-files`. An unpacked package counts too. Otherwise
 * each upgrade would be recorded as a removal and an installation.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errno } from '../../../../shared/errno.ts'
import { factPackage } from '../../../../shared/facts/package-set.ts'
import { MIB } from '../../../../shared/units.ts'
import { admitPackages } from '../admit.ts'
import { readBounded } from '../bounded-file.ts'
import { ABSENT, type Collector, type CollectorResult, oddRecords } from '../collector.ts'
import { reasonOf } from '../errors.ts'
import { type DpkgFault, type DpkgRecord, parseDpkgStatus } from './status.ts'

/** A record has about a kilobyte. Hosts with all packages have some 70 MB. */
const MAX_STATUS_BYTES = 128 * MIB
/** dpkg merges its updates into the status file after a few hundred of them. */
const MAX_UPDATES = 10_000
/**
 * dpkg changes its files while it runs. The time between two changes is long enough to read them.
 */
const ATTEMPTS = 10
/** The suffix of the list of a package's files. */
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
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      signal?.throwIfAborted()
      const result = await readOnce(folder, path, signal)
      if (result !== 'changed') return result
    }
  } catch (error) {
    if (signal?.aborted === true) throw error
    return { state: 'unreadable', path, reason: reasonOf(error) }
  }
  return { state: 'busy', path, reason: `it changed ${ATTEMPTS} times while it was read` }
}

async function readOnce(
  folder: string,
  path: string,
  signal?: AbortSignal,
): Promise<CollectorResult | 'changed'> {
  const before = await versionOf(path)
  const installed = await filesOfPackages(join(folder, 'info'))
  if (before === undefined) {
    if (installed.size === 0) return ABSENT
    return { state: 'unreadable', path, reason: missing('there is no such file', installed) }
  }
  const files = [path, ...(await updateFiles(join(folder, 'updates')))]
  const texts: string[] = []
  for (const file of files) {
    const bytes = await readBounded(file, MAX_STATUS_BYTES, signal)
    if (bytes === undefined) return 'changed'
    texts.push(bytes.toString('utf8'))
  }
  return (await versionOf(path)) === before ? resultOf(path, texts, installed) : 'changed'
}

/** @param installed names of the packages for which dpkg has a list of files */
function resultOf(
  path: string,
  texts: readonly string[],
  installed: ReadonlySet<string>,
): CollectorResult {
  const files = texts.map(parseDpkgStatus)
  const records = files.map((file) => file.records)
  const faults = files.flatMap((file) => file.faults)
  const recorded = new Set(records.flat().map(nameOf))
  const [fault] = faults
  if (recorded.size === 0 && fault !== undefined)
    return { state: 'unreadable', path, reason: describeFault(fault) }
  const named = new Set([...recorded, ...faults.map(nameOf)])
  const lost = new Set([...installed].filter((name) => !named.has(name)))
  // A single list of files without a record is harmless. If most lists have no record, the status
  // file lost records.
  if (lost.size * 2 > installed.size)
    return { state: 'unreadable', path, reason: missing('it is cut short', lost) }
  const present = presentIn(records)
  // dpkg removes the list of files before it marks the package as not installed. So this state
  // affects one package at a time.
  const isListed = new Set(present.map(nameOf))
  const isDenied = new Set(records.flatMap((some) => some.filter(isDenial).map(nameOf)))
  const denied = new Set([...installed].filter((one) => isDenied.has(one) && !isListed.has(one)))
  if (denied.size * 2 > installed.size)
    return { state: 'unreadable', path, reason: missing('most are not installed in it', denied) }
  const { packages, odd } = admitPackages(
    present.map(({ name, arch, version }) => factPackage('dpkg', name, arch, version)),
  )
  const partial = present
    .filter(({ arch }) => arch === '')
    .map(({ name }) => `${name} has no architecture`)
  const stray = [...lost].map((name) => `${name} has a list of files and no record`)
  const bad = oddRecords([...faults, ...repeated(records[0] ?? [])])
  const doubts = [...bad.doubts]
  if (lost.size > 0) doubts.push({ reason: missing('it has no record of them', lost), names: lost })
  // dpkg ends every record with a blank line.
  const [status = ''] = texts
  if (status !== '' && !status.endsWith('\n\n'))
    doubts.push({ reason: 'its last record has no end' })
  return { state: 'read', packages, odd: [...partial, ...bad.odd, ...odd, ...stray], doubts }
}

/**
 * Finds packages with more records in the status file than dpkg allows. The last record counts, but
 * it is unknown which one is right.
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

/** Returns true for a record that dpkg allows beside others of the same name. */
function canStandBeside({ sideBySide, state }: DpkgRecord): boolean {
  return sideBySide || state === 'not-installed' || state === 'config-files'
}

function describeFault({ name, reason }: DpkgFault): string {
  return name === undefined ? reason : `${name} ${reason}`
}

function missing(what: string, names: ReadonlySet<string>): string {
  const first = [...names].slice(0, SHOWN_NAMES).join(', ')
  const more = names.size > SHOWN_NAMES ? ', …' : ''
  return `${what}, and dpkg keeps the lists of files of ${names.size} packages (${first}${more})`
}

/** Returns the names in a folder, or none if it is absent. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}

/** Returns the names of packages with a list of files (`libc6:amd64.list`, `bash.list`). */
async function filesOfPackages(folder: string): Promise<Set<string>> {
  const names = await namesIn(folder)
  const lists = names.filter((name) => name.endsWith(LIST))
  return new Set(lists.map((name) => name.slice(0, -LIST.length).replace(/:.*/, '')))
}

/**
 * Returns the packages that are present. Later records replace earlier ones of the same package.
 */
function presentIn(files: readonly (readonly DpkgRecord[])[]): DpkgRecord[] {
  const byName = new Map<string, DpkgRecord[]>()
  for (const [i, records] of files.entries()) {
    for (const record of records) {
      const others = byName.get(record.name) ?? []
      // The status file has one record for each architecture of a name. An update replaces the
      // record of its architecture, or the only record.
      const kept = others.filter(
        (other) => other.arch !== record.arch && (i === 0 || record.sideBySide),
      )
      byName.set(record.name, [...kept, record])
    }
  }
  return [...byName.values()].flat().filter(isPresent)
}

function isDenial({ state }: DpkgRecord): boolean {
  return state === 'not-installed'
}

function nameOf<N>({ name }: { readonly name: N }): N {
  return name
}

/**
 * Returns true if files of the package may be installed. A `half-installed` package has old or new
 * files, and its record may have no version yet.
 */
function isPresent({ state, version }: DpkgRecord): boolean {
  return state !== 'not-installed' && state !== 'config-files' && version !== ''
}

/** Returns inode, size and time of the last change, or undefined if the file is absent. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Returns dpkg's update files. Their names are numbers. dpkg ignores other files. */
async function updateFiles(folder: string): Promise<string[]> {
  const names = await namesIn(folder)
  const numbered = names.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
  if (numbered.length > MAX_UPDATES)
    throw new Error(`there are ${numbered.length} updates that dpkg did not merge`)
  return numbered.map((name) => join(folder, name))
}
