/**
 * Reads the packages of a SQLite rpm database directly and read-only. It is some twenty times as
 * fast as `rpm -qa`. For any unexpected content it throws, and the caller uses rpm instead.
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
import { reasonOf } from '../errors.ts'
import type { RpmList } from './list.ts'

/** The header of a package with a hundred thousand files has some 20 MB. */
const MAX_HEADER_BYTES = 64 * MIB
/** Headers between two pauses for other work: some ten milliseconds. */
const BATCH = 100
/** rpm locks the database for longer only while it installs. The next collection reads it. */
const BUSY_TIMEOUT_MS = 2000

/**
 * Give it a copy, because SQLite may make files beside the database.
 * @throws Error of SQLite, or with a reason
 */
export async function readRpmDatabase(path: string, signal?: AbortSignal): Promise<RpmList> {
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(path, {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  })
  try {
    // One read transaction for all batches, so that a transaction of rpm is seen completely or not
    // at all. No other code uses the connection.
    database.exec('begin')
    return await readRecords(database, (error) => error instanceof Database.SqliteError, signal)
  } finally {
    database.close()
  }
}

async function readRecords(
  database: BetterSqlite.Database,
  isSqliteError: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<RpmList> {
  const rows = database
    .prepare<[], Row>('select hnum, length(blob) as size from Packages order by hnum')
    .all()
  if (rows.length > MAX_PACKAGES)
    throw new Error(`it holds ${rows.length} packages, at most ${MAX_PACKAGES} are read`)
  const blobOf = database.prepare<[number], { blob: unknown }>(
    'select blob from Packages where hnum = ?',
  )
  const packages: FactPackage[] = []
  const bad: BadRecord[] = []
  for (const [i, row] of rows.entries()) {
    if (i % BATCH === BATCH - 1) await setImmediate()
    signal?.throwIfAborted()
    try {
      requireSize(row)
      packages.push(packageOf(blobOf.get(row.hnum)?.blob))
    } catch (error) {
      // An error of SQLite itself means that the file is damaged, not one record.
      if (isSqliteError(error)) throw error
      bad.push(badRecord(nameIn(database, row.hnum), row.hnum, reasonOf(error)))
    }
  }
  return { packages, bad }
}

interface Row {
  readonly hnum: number
  readonly size: number
}

function requireSize({ size }: Row): void {
  if (size > MAX_HEADER_BYTES)
    throw new Error(`it has ${size} bytes, at most ${MAX_HEADER_BYTES} are read`)
}

function badRecord(name: string | undefined, hnum: number, why: string): BadRecord {
  const reason = `can't be read: ${why}`
  if (name === undefined) return { name, reason: `record ${hnum} ${reason}` }
  return { name, reason: `has a record (${hnum}) that ${reason}` }
}

/** The package of a record, from the index of the database. */
function nameIn(database: BetterSqlite.Database, hnum: number): string | undefined {
  try {
    const row = database
      .prepare<[number], { key: unknown }>('select key from Name where hnum = ? limit 1')
      .get(hnum)
    return typeof row?.key === 'string' && row.key !== '' ? row.key : undefined
  } catch {
    // The index is absent or damaged, so the record has no name.
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
