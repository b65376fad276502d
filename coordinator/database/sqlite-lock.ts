/**
 * Ensures that one process uses a SQLite database. The lock is a small SQLite file beside the
 * database (`<database>.lock`), in which this process keeps a write transaction open. The kernel
 * releases its fcntl lock when the process ends, so it is never stale. Backups and `sqlite3` can
 * read the database while the coordinator runs.
 */
import { closeSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import Sqlite from 'better-sqlite3'
import { databaseError } from './errors.ts'
import { driverCode, sqliteFailure } from './failure.ts'

/** The attempts to write this process as the owner. Then another process's name may stay. */
const NAME_TRIES = 5

/**
 * Takes the lock and returns a function that releases it.
 * @throws database.in-use with the owner's process id
 */
export function lockSqlite(path: string): () => void {
  const file = `${path}.lock`
  const lock = openLockFile(file)
  try {
    takeLock(lock, `process ${process.pid} on ${hostname()}`)
  } catch (error) {
    const owner = readableOwner(lock) ?? 'another process'
    lock.close()
    throw driverCode(error).startsWith('SQLITE_BUSY')
      ? databaseError('database.in-use', { database: path, owner }, { cause: error })
      : sqliteFailure(error, file)
  }
  return () => lock.close()
}

function openLockFile(file: string): Sqlite.Database {
  try {
    // SQLite would create the file with the mode of the umask.
    closeSync(openSync(file, 'a', 0o600))
    return new Sqlite(file, { timeout: 0 })
  } catch (error) {
    throw sqliteFailure(error, file)
  }
}

/** Keeps a write transaction open and records this process as the owner. @throws SQLITE_BUSY */
function takeLock(lock: Sqlite.Database, me: string): void {
  lock.pragma('journal_mode = delete')
  for (let tries = 1; ; tries += 1) {
    lock.exec('begin immediate')
    lock.exec(
      `create table if not exists owner (
          id integer primary key check (id = 1), name text not null)`,
    )
    lock
      .prepare(
        'insert into owner values (1, ?) on conflict (id) do update set name = excluded.name',
      )
      .run(me)
    // Between this commit and the next begin another process may take the lock. Then that process
    // is the owner, and `begin` fails here.
    lock.exec('commit')
    lock.exec('begin immediate')
    if (ownerOf(lock) === me || tries >= NAME_TRIES) return
    lock.exec('commit')
  }
}

function ownerOf(lock: Sqlite.Database): string | undefined {
  return lock.prepare<[], { name: string }>('select name from owner').get()?.name
}

/** Returns the recorded owner; undefined if it has not written its name yet, or can't be read. */
function readableOwner(lock: Sqlite.Database): string | undefined {
  try {
    return ownerOf(lock)
  } catch {
    return undefined
  }
}
