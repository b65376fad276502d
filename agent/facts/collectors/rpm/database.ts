/**
 * Reads the packages of a SQLite rpm database directly and read-only. This is some twenty times as
 * fast as `rpm -qa`. The result names each record that can't be read. The caller may then use rpm.
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
/** The number of headers between two pauses for other work. They take some ten milliseconds. */
const BATCH = 100
/**
 * rpm holds a lock for longer only during an installation. The next collection reads the database.
 */
const BUSY_TIMEOUT_MS = 2000

/**
 * Reads the database. Pass a copy, because SQLite may create files beside the database.
 * @throws an error of SQLite, or an Error with a reason
 */
export async function readRpmDatabase(path: string, signal?: AbortSignal): Promise<RpmList> {
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(path, {
    readonly: true,
    fileMustExist: true,
    timeout: BUSY_TIMEOUT_MS,
  })
  try {
    // One read transaction covers all batches, so that a transaction of rpm is visible completely
    // or not at all. No other code uses the connection.
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
      // An error of SQLite itself means that the whole file is damaged.
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

/** Returns the package of a record from the index of the database. */
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
  // A key that rpm imported is a package without an architecture.
  return factPackage(
    'rpm',
    name,
    header.string(TAG.arch) ?? '',
    `${header.number(TAG.epoch) ?? 0}:${version}-${release}`,
  )
}
