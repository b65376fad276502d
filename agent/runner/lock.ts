/**
 * One runner a home. The lock is the operating system's (fcntl, taken by SQLite, which node brings along): it ends with the process that
 * holds it, however that ends, so there is no stale lock to judge.
 */
import { lstatSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { runnerError } from './errors.ts'

export interface Lock {
  release(): void
}

/** SQLite's result code for a lock that somebody else holds (sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5

/** Throws runner.held, or runner.unsafe-path if somebody else put something there. */
export function acquireLock(path: string): Lock {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && (!found.isFile() || found.uid !== process.geteuid?.()))
    throw runnerError('runner.unsafe-path', { path, reason: 'it is not a file of our own' })
  const database = new DatabaseSync(path)
  try {
    // Nothing is ever written, so there is nothing to keep for a rollback.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY)
      throw runnerError('runner.held', { lock: path }, { cause })
    throw runnerError('runner.unsafe-path', { path, reason: 'it is not a lock of ours' }, { cause })
  }
  return { release: () => database.close() }
}
