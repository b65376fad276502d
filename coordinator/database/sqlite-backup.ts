/** Writes a complete and consistent copy of a SQLite database that is open. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import { syncFolder } from '../../shared/durable-file.ts'
import type { Database } from './database.ts'

/**
 * Writes `<database>.backup-<after>` and returns its path. An older copy with that name is
 * replaced. On PostgreSQL it returns undefined, because the operator makes the backups.
 */
export async function backUpSqlite(database: Database, after: string): Promise<string | undefined> {
  if (database.dialect !== 'sqlite') return undefined
  const target = `${database.shown}.backup-${after}`
  const temporary = `${target}.tmp`
  await rm(temporary, { force: true })
  // VACUUM INTO accepts an empty file and keeps its mode.
  await writeFile(temporary, '', { flag: 'wx', mode: 0o600 })
  // VACUUM INTO fsyncs the copy before it returns (sqlite.org/lang_vacuum.html).
  await sql`vacuum into ${temporary}`.execute(database.query)
  // Crash here: a .tmp file is left. The next attempt removes it.
  await rename(temporary, target)
  await syncFolder(dirname(target))
  return target
}
