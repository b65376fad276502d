/**
 * Which packages dpkg has on the host, whatever is planned for them (a package on hold is there, too): all but those that are not installed or have left
 * only their configuration, as apt counts them. One that waits to be configured counts: its files are there, and in the middle of an upgrade every
 * package waits so, which would be told as its removal and a new installation.
 * Read from dpkg's own files, as dpkg-query reads them: the status file and the updates of a run that hasn't folded them into it yet.
 * No lock and no rights beyond reading are needed.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { factPackage } from '../../shared/facts/package-set.ts'
import type { FactPackage } from '../../shared/facts/package-set.ts'
import { MIB } from '../../shared/units.ts'
import { readBounded } from './bounded-file.ts'
import { parseDpkgStatus } from './dpkg-status.ts'
import type { DpkgRecord } from './dpkg-status.ts'
import { collectError } from './errors.ts'

/** A kilobyte a package; hosts with everything installed have some 70 MB. */
const MAX_STATUS_BYTES = 128 * MIB
/** dpkg folds its updates into the status file after some hundred. */
const MAX_UPDATES = 10_000
/** While dpkg works, its files change under us; between two of its steps they stand still for longer than reading takes. */
const ATTEMPTS = 10

/** @param options.root the file system's root, `/` but in tests. @returns undefined if the host has no dpkg */
export async function readDpkg(
  options: { root: string },
  signal?: AbortSignal,
): Promise<FactPackage[] | undefined> {
  const folder = join(options.root, 'var/lib/dpkg')
  const status = join(folder, 'status')
  const unreadable = (reason: string, cause?: unknown): Error =>
    collectError('facts.unreadable', { manager: 'dpkg', path: status, reason }, { cause })
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    signal?.throwIfAborted()
    try {
      const before = await versionOf(status)
      if (before === undefined) return undefined
      const files = [status, ...(await updateFiles(join(folder, 'updates')))]
      const texts: string[] = []
      for (const file of files) {
        const bytes = await readBounded(file, MAX_STATUS_BYTES, signal)
        if (bytes !== undefined) texts.push(bytes.toString('utf8'))
      }
      const isStill = texts.length === files.length && (await versionOf(status)) === before
      if (isStill) return present(texts.map(parseDpkgStatus))
    } catch (error) {
      if (signal?.aborted === true) throw error
      throw unreadable((error as Error).message, error)
    }
  }
  throw unreadable(`it changed ${ATTEMPTS} times while it was read`)
}

/** Later records replace earlier ones of the same package. */
function present(files: readonly (readonly DpkgRecord[])[]): FactPackage[] {
  const byName = new Map<string, DpkgRecord[]>()
  for (const [i, records] of files.entries()) {
    for (const record of records) {
      const others = byName.get(record.name) ?? []
      // In the status file, one name stands once for each architecture; an update replaces its own, or the only one.
      const kept = others.filter(
        (other) => other.arch !== record.arch && (i === 0 || record.sideBySide),
      )
      byName.set(record.name, [...kept, record])
    }
  }
  const all = [...byName.values()].flat().filter((record) => isThere(record))
  return all.map((record) => factPackage('dpkg', record.name, record.arch, record.version))
}

/** `half-installed` is there in part: its old or new files, under the version that its record names, if it names one yet. */
function isThere({ state, version, arch }: DpkgRecord): boolean {
  if (state === 'not-installed' || state === 'config-files') return false
  return version !== '' && arch !== ''
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

/** dpkg's update files are named by a counter; it ignores other names, among them the one that is being written. */
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
