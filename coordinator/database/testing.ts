/**
 * Databases for tests: a SQLite file in its own folder, or a database on the test PostgreSQL
 * server.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { createTestPostgres } from '../../shared/testing/postgres.ts'
import type { Dialect } from './schema/columns.ts'
import { type Database, openDatabase } from './database.ts'
import { migrate } from './migrate.ts'

export const DIALECTS: readonly Dialect[] = ['sqlite', 'postgresql']

/** A place for a database that doesn't exist yet. */
export interface TestPlace {
  readonly url: string
  remove(): Promise<void>
}

export async function testPlace(dialect: Dialect): Promise<TestPlace> {
  if (dialect === 'postgresql') {
    const { url, drop } = await createTestPostgres()
    return { url, remove: drop }
  }
  const folder = await mkdtemp(join(tmpdir(), 'muster-database-'))
  return {
    url: `sqlite://${folder}/muster.db`,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/**
 * Opens a database with all tables. Disposing of it closes and removes it:
 * `await using test = await testDatabase('sqlite')`.
 */
export async function testDatabase(
  dialect: Dialect,
  clock: Clock = systemClock,
): Promise<{ database: Database; url: string } & AsyncDisposable> {
  const place = await testPlace(dialect)
  const database = await openDatabase({ clock }, { url: place.url, create: true })
  await migrate(database)
  return {
    database,
    url: place.url,
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await place.remove()
    },
  }
}
