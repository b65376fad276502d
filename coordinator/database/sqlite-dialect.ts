/**
 * Connects Kysely to one better-sqlite3 connection. It differs from Kysely's dialect: transactions
 * begin immediate (a deferred one can fail at its first write), statements are prepared once, and
 * errors are Muster errors.
 */
import type Sqlite from 'better-sqlite3'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { sqliteFailure } from './failure.ts'

/**
 * The size of the cache of prepared statements. The program has fewer statements, not counting
 * inserts with an unusual number of rows.
 */
const STATEMENTS = 256

export function sqliteDialect(raw: Sqlite.Database, shown: string): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => sqliteDriver(raw, shown),
  }
}

function sqliteDriver(raw: Sqlite.Database, shown: string): Driver {
  const connection = sqliteConnection(raw, shown)
  const run = async (sql: string): Promise<void> => {
    try {
      raw.exec(sql)
    } catch (error) {
      throw sqliteFailure(error, shown)
    }
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: () => run('begin immediate'),
    commitTransaction: () => run('commit'),
    // After some errors, such as a full disk, SQLite has already rolled back.
    rollbackTransaction: async () => {
      if (raw.inTransaction) await run('rollback')
    },
    destroy: async () => {},
  }
}

function sqliteConnection(raw: Sqlite.Database, shown: string): DatabaseConnection {
  const statements = new Map<string, Sqlite.Statement>()
  const prepare = (sql: string): Sqlite.Statement => {
    let statement = statements.get(sql)
    if (statement !== undefined) return statement
    statement = raw.prepare(sql)
    const oldest = statements.size >= STATEMENTS ? statements.keys().next().value : undefined
    if (oldest !== undefined) statements.delete(oldest)
    statements.set(sql, statement)
    return statement
  }
  return {
    executeQuery: async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
      try {
        const statement = prepare(query.sql)
        if (statement.reader) return { rows: statement.all(query.parameters) as R[] }
        const { changes, lastInsertRowid } = statement.run(query.parameters)
        return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
      } catch (error) {
        throw sqliteFailure(error, shown)
      }
    },
    streamQuery: () => {
      throw sqliteFailure(
        new Error('cannot stream a query: it would hold the only connection; read pages by key'),
        shown,
      )
    },
  }
}
