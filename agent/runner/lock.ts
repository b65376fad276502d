/**
 * A kernel lock (fcntl) on a file, taken through Node's SQLite. The kernel releases it when the
 * process ends, so there are no stale locks.
 */
import { closeSync, constants, lstatSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { storageError, storageFailure } from '../../shared/storage/storage-error.ts'
import { runnerError } from './ground/errors.ts'

export interface Lock {
  release(): void
}

/** SQLite's code for a lock that another process holds (sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5
/** SQLite's codes for a failing disk, with the system's names. */
const DISK: Readonly<Record<number, string>> = { 8: 'EROFS', 10: 'EIO', 13: 'ENOSPC' }
const SQLITE_CANTOPEN = 14

/** @throws runner.held, storage.*, runner.unsafe-path for a file of another user */
export function acquireLock(path: string): Lock {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && (!found.isFile() || found.uid !== process.geteuid?.()))
    throw runnerError('runner.unsafe-path', { path, reason: 'it is not a file of this user' })
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // Nothing is written, so no rollback journal is needed.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => database?.close() }
  } catch (cause) {
    database?.close()
    // The lower byte is the primary code (sqlite.org/rescode.html).
    const code = sqliteCode(cause) & 0xff
    if (code === SQLITE_BUSY) throw runnerError('runner.held', { lock: path }, { cause })
    const failure = storageFailure(systemError(code, path), { what: 'the lock of this home', path })
    if (storageError.is(failure)) throw failure
    throw runnerError(
      'runner.unsafe-path',
      { path, reason: 'it is not a lock of Muster' },
      { cause },
    )
  }
}

function sqliteCode(error: unknown): number {
  const isCoded = error instanceof Error && 'errcode' in error
  return isCoded && typeof error.errcode === 'number' ? error.errcode : 0
}

/** Finds the error of the system, which SQLite does not return. */
function systemError(code: number, path: string): unknown {
  if (code !== SQLITE_CANTOPEN)
    return Object.assign(new Error(`SQLite code ${code}`), { code: DISK[code] })
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600))
    return undefined
  } catch (error) {
    return error
  }
}
