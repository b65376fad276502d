/**
 * One process for each SQLite database. The lock is a small SQLite file beside the database
 * (`<database>.lock`), in which this process keeps a write transaction open. The kernel releases
 * its fcntl lock when the process ends, so it is never stale. The database stays readable for
 * backups and `sqlite3` while the coordinator runs.
 */
import { closeSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import Sqlite from 'better-sqlite3'
import { databaseError } from './errors.ts'
import { sqliteFailure } from './failure.ts'

/** Attempts before the owner's name in the file is left as another process wrote it. */
const NAME_TRIES = 5

/**
 * Takes the lock and returns a function that releases it.
 * @throws database.in-use with the owner's process id
 */
export function lockSqlite(path: string): () => void {
  const file = `${path}.lock`
  let lock: Sqlite.Database
  try {
    // SQLite would create it with the mode of the umask.
    closeSync(openSync(file, 'a', 0o600))
    lock = new Sqlite(file, { timeout: 0 })
  } catch (error) {
    throw sqliteFailure(error, file)
  }
  const me = `process ${process.pid} on ${hostname()}`
  const owner = (): string | undefined =>
    (lock.prepare('select name from owner').get() as { name: string } | undefined)?.name
  try {
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
      if (owner() === me || tries >= NAME_TRIES) break
      lock.exec('commit')
    }
  } catch (error) {
    let name = 'another process'
    try {
      name = owner() ?? name
    } catch {
      // The owner has not written its name yet.
    }
    lock.close()
    const busy = String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')
    throw busy
      ? databaseError('database.in-use', { database: path, owner: name }, { cause: error })
      : sqliteFailure(error, file)
  }
  return () => lock.close()
}
