/**
 * Reads the packages of an SQLite rpm database directly, read only, without rpm: some twenty times
 * as fast as `rpm -qa`. Anything that isn't as expected is an error, and the caller asks rpm itself
 * instead.
 */
import { setImmediate } from 'node:timers/promises'
import type BetterSqlite from 'better-sqlite3'
import {
  type FactPackage,
  factPackage,
  MAX_PACKAGES,
} from '../../../../shared/facts/package-set.ts'
import { readHeader } from '../../../../shared/rpm/header.ts'
import { TAG } from '../../../../shared/rpm/tags.ts'
import { MIB } from '../../../../shared/units.ts'
import type { BadRecord } from '../collector.ts'
import type { RpmList } from './list.ts'

/** The largest headers are those of packages with a hundred thousand files: some 20 MB. */
const MAX_HEADER_BYTES = 64 * MIB
/** Headers between two turns of the event loop: some ten milliseconds of work. */
const BATCH = 100
/** rpm holds the database for long only while it installs; then the next collection reads it. */
const BUSY_TIMEOUT_MS = 2000

/**
 * SQLite may make files beside the database: give it a copy.
 * @throws Error of SQLite, or in words
 */
export async function readRpmDatabase(path: string, signal?: AbortSignal): Promise<RpmList> {
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
    const bad: BadRecord[] = []
    for (const [i, { hnum, size }] of rows.entries()) {
      if (i % BATCH === BATCH - 1) await setImmediate()
      signal?.throwIfAborted()
      try {
        if (size > MAX_HEADER_BYTES)
          throw new Error(`it has ${size} bytes, at most ${MAX_HEADER_BYTES} are read`)
        packages.push(packageOf(blobOf.get(hnum)?.blob))
      } catch (error) {
        // SQLite itself fails on a damaged file: that is more than one record.
        if (error instanceof Database.SqliteError) throw error
        bad.push(badRecord(nameIn(database, hnum), hnum, error as Error))
      }
    }
    return { packages, bad }
  } finally {
    database.close()
  }
}

function badRecord(name: string | undefined, hnum: number, error: Error): BadRecord {
  const reason = `can't be read: ${error.message}`
  if (name === undefined) return { name, reason: `record ${hnum} ${reason}` }
  return { name, reason: `has a record (${hnum}) that ${reason}` }
}

/** The package that the database's own index names for a record. */
function nameIn(database: BetterSqlite.Database, hnum: number): string | undefined {
  try {
    const row = database
      .prepare<[number], { key: unknown }>('select key from Name where hnum = ? limit 1')
      .get(hnum)
    return typeof row?.key === 'string' && row.key !== '' ? row.key : undefined
  } catch {
    // A database without that index, or with a damaged one: the record stays unnamed.
    return undefined
  }
}

function packageOf(blob: unknown): FactPackage {
  if (!(blob instanceof Uint8Array)) throw new Error('it has no header')
  const header = readHeader(blob, { form: 'database', what: 'its header' })
  const [name, version, release] = [
    header.string(TAG.name),
    header.string(TAG.version),
    header.string(TAG.release),
  ]
  if (name === undefined || name === '' || version === undefined || release === undefined)
    throw new Error('its header has no name, version or release')
  // Keys that rpm imported are packages without an architecture.
  return factPackage(
    'rpm',
    name,
    header.string(TAG.arch) ?? '',
    `${header.number(TAG.epoch) ?? 0}:${version}-${release}`,
  )
}
