/**
 * Reads the packages of an SQLite rpm database directly, read only, without rpm: some twenty times
 * as fast as `rpm -qa`. Anything that isn't as expected is an error, and the caller asks rpm itself
 * instead.
 */
import { setImmediate } from 'node:timers/promises'
import { factPackage, MAX_PACKAGES } from '../../../../shared/facts/package-set.ts'
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import { readHeader } from '../../../../shared/rpm/header.ts'
import { TAG } from '../../../../shared/rpm/tags.ts'
import { MIB } from '../../../../shared/units.ts'

/** The largest headers are those of packages with a hundred thousand files: some 20 MB. */
const MAX_HEADER_BYTES = 64 * MIB
/** Headers between two turns of the event loop: some ten milliseconds of work. */
const BATCH = 100
/** rpm holds the database for long only while it installs; then the next collection reads it. */
const BUSY_TIMEOUT_MS = 2000

/**
 * SQLite may make files beside the database: give it a copy.
 * @param shown the path that errors name
 * @throws Error of SQLite, rpm.header, or in words
 */
export async function readRpmDatabase(
  path: string,
  signal?: AbortSignal,
  shown = path,
): Promise<FactPackage[]> {
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(path, {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  })
  try {
    // One read transaction over all batches: a transaction of rpm in between is seen whole or not
    // at all. The connection is ours alone.
    database.exec('begin')
    const rows = database
      .prepare<[], { hnum: number; size: number }>(
        'select hnum, length(blob) as size from Packages order by hnum',
      )
      .all()
    if (rows.length > MAX_PACKAGES)
      throw new Error(`it holds ${rows.length} packages, at most ${MAX_PACKAGES} are read`)
    const blobOf = database.prepare<[number], { blob: unknown }>(
      'select blob from Packages where hnum = ?',
    )
    const packages: FactPackage[] = []
    for (const [i, { hnum, size }] of rows.entries()) {
      if (i % BATCH === BATCH - 1) await setImmediate()
      signal?.throwIfAborted()
      if (size > MAX_HEADER_BYTES)
        throw new Error(
          `package ${hnum} has a header of ${size} bytes, at most ${MAX_HEADER_BYTES} are read`,
        )
      const blob = blobOf.get(hnum)?.blob
      if (!(blob instanceof Uint8Array)) throw new Error(`package ${hnum} has no header`)
      packages.push(packageOf(blob, `package ${hnum} of ${shown}`))
    }
    return packages
  } finally {
    database.close()
  }
}

function packageOf(blob: Uint8Array, what: string): FactPackage {
  const header = readHeader(blob, { form: 'database', what })
  const [name, version, release] = [
    header.string(TAG.name),
    header.string(TAG.version),
    header.string(TAG.release),
  ]
  if (name === undefined || version === undefined || release === undefined)
    throw new Error(`${what} has no name, version or release`)
  // Keys that rpm imported are packages without an architecture.
  return factPackage(
    'rpm',
    name,
    header.string(TAG.arch) ?? '',
    `${header.number(TAG.epoch) ?? 0}:${version}-${release}`,
  )
}
