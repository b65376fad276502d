/**
 * Migrates a database to this program's schema, forward only. One transaction contains a migration
 * and its row in `schema_migration`. The row has the checksum of the migration's statements. A
 * database that a newer Muster changed is rejected.
 */
import { sql, type Kysely } from 'kysely'
import { COLUMN_TYPES } from './schema/columns.ts'
import type { Database } from './database.ts'
import { databaseError } from './errors.ts'
import { type Migration, migrationChecksum } from './schema/migration.ts'
import { MIGRATIONS } from './migrations/all.ts'
import { backUpSqlite } from './sqlite-backup.ts'
import type { SchemaMigrationTable, Tables } from './tables/all.ts'

/**
 * Key of the transaction's advisory lock. It makes coordinators that start together migrate one
 * after the other.
 */
const MIGRATION_LOCK = 0x6d75_7374

/** Far more than one pass over any table needs. A server that hangs is still detected. */
const STATEMENT_MS = 3_600_000

/**
 * Applies the missing migrations and returns their names. Before it changes a SQLite database that
 * was in use, it writes a copy beside it.
 * @throws database.newer-schema, database.edited-migration
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<{ applied: string[] }> {
  const { text, integer, end } = COLUMN_TYPES[database.dialect]
  await alone(database, async (tx) => {
    await sql
      .raw(
        `create table if not exists schema_migration (
            name ${text} primary key, checksum ${text} not null, applied_at ${integer} not null
          )${end}`,
      )
      .execute(tx)
  })
  const done = await appliedMigrations(database.query)
  checkApplied(database, done, migrations)
  const last = done.at(-1)
  if (last !== undefined && done.length < migrations.length) await backUpSqlite(database, last.name)
  const applied: string[] = []
  for (const migration of migrations) {
    const isNew = await alone(database, async (tx) => {
      const there = await tx
        .selectFrom('schema_migration')
        .select('name')
        .where('name', '=', migration.name)
        .executeTakeFirst()
      if (there !== undefined) return false
      for (const statement of migration.statements(COLUMN_TYPES[database.dialect]))
        await sql.raw(statement).execute(tx)
      const checksum = migrationChecksum(migration, database.dialect)
      await tx
        .insertInto('schema_migration')
        .values({ name: migration.name, checksum, applied_at: database.clock.now() })
        .execute()
      return true
    })
    // Crash here: this migration is committed, and later ones are not. The next start continues
    // from the rows of `schema_migration`.
    if (isNew) applied.push(migration.name)
  }
  return { applied }
}

/**
 * Rejects a database whose schema this program must not use. Without `create` it also rejects a
 * database without a schema.
 */
export async function checkSchema(database: Database, options: { create: boolean }): Promise<void> {
  const done = await appliedMigrations(database.query)
  if (done.length === 0 && !options.create)
    throw databaseError('database.absent', { database: database.shown })
  checkApplied(database, done, MIGRATIONS)
}

function checkApplied(
  database: Database,
  done: readonly SchemaMigrationTable[],
  migrations: readonly Migration[],
): void {
  for (const { name, checksum } of done) {
    const known = migrations.find((migration) => migration.name === name)
    if (known === undefined)
      throw databaseError('database.newer-schema', { database: database.shown, migration: name })
    const got = migrationChecksum(known, database.dialect)
    if (got !== checksum)
      throw databaseError('database.edited-migration', {
        database: database.shown,
        migration: name,
        expected: checksum,
        got,
      })
  }
}

/**
 * Returns the applied migrations in order; empty if the table doesn't exist. Any other failure is
 * an error, because an unreadable database must not look new.
 */
async function appliedMigrations(query: Kysely<Tables>): Promise<SchemaMigrationTable[]> {
  const tables = await query.introspection.getTables()
  if (!tables.some((table) => table.name === 'schema_migration')) return []
  return query.selectFrom('schema_migration').selectAll().orderBy('name').execute()
}

function alone<T>(database: Database, work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
  return database.transaction(
    async (tx) => {
      // SQLite needs no lock, because its transactions are exclusive.
      if (database.dialect === 'postgresql')
        await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(tx)
      return work(tx)
    },
    // A statement may have to read every row of a large table.
    { statementMs: STATEMENT_MS },
  )
}
