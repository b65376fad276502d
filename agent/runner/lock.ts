/**
 * One runner a home. The lock is the operating system's (fcntl, taken by SQLite, which node brings
 * along): it ends with the process that holds it, however that ends, so there is no stale lock to
 * judge.
 */
import { closeSync, constants, lstatSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { storageError, storageFailure } from '../../shared/storage/storage-error.ts'
import { runnerError } from './ground/errors.ts'

export interface Lock {
  release(): void
}

/** SQLite's result code for a lock that somebody else holds (sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5
/** Its codes for a disk that fails, as the system's. */
const DISK: Readonly<Record<number, string>> = { 8: 'EROFS', 10: 'EIO', 13: 'ENOSPC' }
const SQLITE_CANTOPEN = 14

/** Throws runner.held, storage.*, or runner.unsafe-path if another user put something there. */
export function acquireLock(path: string): Lock {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && (!found.isFile() || found.uid !== process.geteuid?.()))
    throw runnerError('runner.unsafe-path', { path, reason: 'it is not a file of our own' })
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // Nothing is ever written, so there is nothing to keep for a rollback.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => database?.close() }
  } catch (cause) {
    database?.close()
    // The lower byte is the primary code (sqlite.org/rescode.html).
    const code = ((cause as { errcode?: number }).errcode ?? 0) & 0xff
    if (code === SQLITE_BUSY) throw runnerError('runner.held', { lock: path }, { cause })
    const failure = storageFailure(systemError(code, path), { what: 'the lock of this home', path })
    if (storageError.is(failure)) throw failure
    throw runnerError('runner.unsafe-path', { path, reason: 'it is not a lock of ours' }, { cause })
  }
}

/** What the system said, which SQLite does not pass on. */
function systemError(code: number, path: string): unknown {
  if (code !== SQLITE_CANTOPEN)
    return Object.assign(new Error(`SQLite says ${code}`), { code: DISK[code] })
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600))
    return undefined
  } catch (error) {
    return error
  }
}
