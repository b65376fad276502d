/**
 * One process per SQLite database. The lock is a small SQLite file beside the database
 * (`<database>.lock`) in which this process keeps a write transaction open for as long as it lives:
 * a lock of the operating system (fcntl), gone with the process, never stale. The database itself
 * stays readable, so a backup or `sqlite3` can look at it while the coordinator runs.
 */
import { closeSync, openSync } from 'node:fs'
import { hostname } from 'node:os'
import Sqlite from 'better-sqlite3'
import { databaseError } from './errors.ts'
import { sqliteFailure } from './failure.ts'

/** Tries after which the owner's name in the file is left as another contender wrote it. */
const NAME_TRIES = 5

/**
 * Takes the lock and returns what gives it back.
 * @throws database.in-use with the owner's process id.
 */
export function lockSqlite(path: string): () => void {
  const file = `${path}.lock`
  let lock: Sqlite.Database
  try {
    // SQLite would make it with the mode that the umask leaves.
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
        'create table if not exists owner (id integer primary key check (id = 1), name text not null)',
      )
      lock
        .prepare(
          'insert into owner values (1, ?) on conflict (id) do update set name = excluded.name',
        )
        .run(me)
      // Between this commit and the next begin another process may take the lock: then that one is
      // the owner, and `begin` fails here.
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
