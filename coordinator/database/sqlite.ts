/**
 * Opens a SQLite database whose acknowledged changes survive a power loss. This requires the
 * write-ahead log with synchronous FULL, one process, a local disk and a library without the WAL
 * bug. After an unclean stop, the whole file is checked before it is used.
 */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { databaseError } from './errors.ts'
import { sqliteFailure } from './failure.ts'
import { networkFilesystem } from './network-filesystem.ts'
import { checkSqliteLibrary } from './sqlite-library.ts'
import { lockSqlite } from './sqlite-lock.ts'

/**
 * The coordinator is the only regular writer. Only an operator's `sqlite3` or a backup can hold the
 * write lock, for a moment.
 */
const BUSY_TIMEOUT_MS = 5_000
/**
 * The write-ahead log is cut to this size after a checkpoint. Otherwise it would keep the disk
 * space of the largest sync.
 */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024

const { S_IFMT, S_IFREG } = constants

export interface SqliteFile {
  readonly raw: Sqlite.Database
  /** Closes the database and releases the lock. */
  close(): void
}

/**
 * @throws database.absent, database.in-use, database.network-folder, database.library,
 * database.damaged
 */
export function openSqlite(path: string, options: { create: boolean }): SqliteFile {
  requireLocalDisk(path)
  if (sizeOf(path) === undefined && !options.create)
    throw databaseError('database.absent', { database: path })
  const unlock = lockSqlite(path)
  let raw: Sqlite.Database | undefined
  try {
    // Create the file with this mode before SQLite opens it. SQLite gives the write-ahead log and
    // the shared memory the same mode.
    if (options.create) closeSync(openSync(path, 'a', 0o600))
    tighten(path)
    const unclean = (sizeOf(`${path}-wal`) ?? 0) > 0
    raw = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
    checkSqliteLibrary(libraryVersion(raw))
    configure(raw, path)
    if (unclean) checkSqlite(raw, path)
    const opened = raw
    return {
      raw: opened,
      close: () => {
        opened.close()
        unlock()
      },
    }
  } catch (error) {
    raw?.close()
    unlock()
    throw sqliteFailure(error, path)
  }
}

/** @throws database.absent, database.network-folder */
function requireLocalDisk(path: string): void {
  let filesystem: string | undefined
  try {
    filesystem = networkFilesystem(Number(statfsSync(dirname(path)).type))
  } catch (cause) {
    throw databaseError('database.absent', { database: path }, { cause })
  }
  if (filesystem !== undefined)
    throw databaseError('database.network-folder', { database: path, filesystem })
}

function libraryVersion(raw: Sqlite.Database): string {
  const row = raw.prepare<[], { version: string }>('select sqlite_version() as version').get()
  return row?.version ?? ''
}

/** Makes files private that an earlier version or a restored backup left readable. */
function tighten(path: string): void {
  const own = ['', '-wal', '-shm', '.lock', '.lock-journal'].map(
    (suffix) => basename(path) + suffix,
  )
  const backup = `${basename(path)}.backup-`
  for (const name of readdirSync(dirname(path))) {
    if (!own.includes(name) && !name.startsWith(backup)) continue
    const file = join(dirname(path), name)
    const { mode } = lstatSync(file)
    if ((mode & S_IFMT) === S_IFREG && (mode & 0o077) !== 0) chmodSync(file, 0o600)
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}

function configure(raw: Sqlite.Database, path: string): void {
  raw.pragma('cell_size_check = on')
  raw.pragma('trusted_schema = off')
  const mode = raw.pragma('journal_mode = wal', { simple: true })
  if (mode !== 'wal')
    throw databaseError('database.settings', {
      database: path,
      setting: 'journal_mode',
      expected: 'wal',
      got: String(mode),
    })
  // better-sqlite3 sets WAL databases to NORMAL. Then a power loss may lose the newest commits.
  raw.pragma('synchronous = full')
  raw.pragma('foreign_keys = on')
  raw.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`)
  for (const [setting, expected] of [
    ['synchronous', 2],
    ['foreign_keys', 1],
    ['trusted_schema', 0],
  ] as const) {
    const got = raw.pragma(setting, { simple: true })
    if (got !== expected)
      throw databaseError('database.settings', {
        database: path,
        setting,
        expected: String(expected),
        got: String(got),
      })
  }
}

/**
 * Reads and checks the whole file: b-trees, rows, indices, references.
 * @throws database.damaged with the first finding
 */
export function checkSqlite(raw: Sqlite.Database, path: string): void {
  let findings: string[]
  try {
    findings = [...damagedPages(raw), ...missingReferences(raw)]
  } catch (error) {
    throw sqliteFailure(error, path)
  }
  const [reason] = findings
  if (reason !== undefined) throw databaseError('database.damaged', { database: path, reason })
}

function damagedPages(raw: Sqlite.Database): string[] {
  return raw
    .prepare<[], { quick_check: string }>('pragma quick_check(1)')
    .all()
    .map((row) => row.quick_check)
    .filter((line) => line !== 'ok')
}

interface Violation {
  readonly table: string
  readonly rowid: number | null
  readonly parent: string
}

/** Returns missing references. SQLite returns them as rows, not as an error. */
function missingReferences(raw: Sqlite.Database): string[] {
  return raw
    .prepare<[], Violation>('pragma foreign_key_check')
    .all()
    .map(
      ({ table, rowid, parent }) =>
        `${table} row ${rowid ?? '?'} refers to a missing row of ${parent}`,
    )
}
