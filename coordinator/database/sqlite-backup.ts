/** A whole, consistent copy of a SQLite database, made while it is open. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import { syncFolder } from '../../shared/durable-file.ts'
import type { Database } from './database.ts'

/**
 * Writes `<database>.backup-<after>` and returns its path; undefined on PostgreSQL, whose backups
 * are the operator's. An older copy of that name is replaced.
 */
export async function backUpSqlite(database: Database, after: string): Promise<string | undefined> {
  if (database.dialect !== 'sqlite') return undefined
  const target = `${database.shown}.backup-${after}`
  const temporary = `${target}.tmp`
  await rm(temporary, { force: true })
  // VACUUM INTO takes an empty file that is there, and keeps its mode.
  await writeFile(temporary, '', { flag: 'wx', mode: 0o600 })
  // VACUUM INTO fsyncs the copy before it returns (sqlite.org/lang_vacuum.html).
  await sql`vacuum into ${temporary}`.execute(database.query)
  // Crash here: an orphan .tmp, removed by the next attempt.
  await rename(temporary, target)
  await syncFolder(dirname(target))
  return target
}
