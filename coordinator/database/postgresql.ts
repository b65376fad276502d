/**
 * A pool of PostgreSQL connections for Kysely. Transactions are READ COMMITTED with explicit row
 * locks, and their waits are limited. A commit is acknowledged only after it is durable. Integers
 * are numbers, as with SQLite.
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import pg from 'pg'
import { asError } from '../../shared/as-error.ts'
import { databaseError } from './errors.ts'
import { connectionLost, postgresqlFailure } from './failure.ts'
import type { ConnectionDeps, PostgresqlConnection } from './postgresql-connection.ts'
import { openConnections, type PostgresqlConnections } from './postgresql-connections.ts'
import { retryRolledBack } from './retry.ts'

/** A row lock is held for one short transaction. A longer wait means that a process hangs. */
const LOCK_TIMEOUT_MS = 15_000
/** A coordinator that hangs in a transaction must not block the head row for all others. */
const IDLE_IN_TRANSACTION_MS = 30_000
/** The oldest server version that still gets fixes, as server_version_num. */
const OLDEST_SERVER = 140_000

const INT8 = 20
const NUMERIC = 1700

/**
 * Converts `count(*)` (int8) and `sum(int8)` (numeric). `pg` returns both as text, because a double
 * can't represent all of them. All values of Muster fit.
 */
function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is not a whole number below 2^53`)
  return value
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    format !== 'binary' && (oid === INT8 || oid === NUMERIC)
      ? wholeNumber
      : pg.types.getTypeParser(oid, format),
}

/**
 * Connects once to check the server.
 * @throws database.unreachable, database.absent, database.settings, database.library
 */
export async function openPostgresql(
  deps: ConnectionDeps,
  url: string,
  shown: string,
): Promise<Dialect> {
  const connections = openConnections(deps, { url, shown, types })
  try {
    const connection = await connections.connect()
    try {
      const settings = await readSettings(connection)
      requireUsable(settings, shown)
      return createDialect(deps, connections, { shown, begin: beginStatement(settings) })
    } finally {
      connection.release()
    }
  } catch (error) {
    await connections.close()
    throw postgresqlFailure(error, shown)
  }
}

interface ServerSettings {
  readonly version: number
  readonly encoding: string
  readonly commit: string
  readonly replica: boolean
}

async function readSettings(connection: PostgresqlConnection): Promise<ServerSettings> {
  const { rows }: { rows: ServerSettings[] } = await connection.query(
    `select current_setting('server_version_num')::bigint as version,
            current_setting('server_encoding') as encoding,
            current_setting('synchronous_commit') as commit, pg_is_in_recovery() as replica`,
  )
  const [settings] = rows
  if (settings === undefined) throw new Error('the server returned no settings')
  return settings
}

/** @throws database.settings, database.library */
function requireUsable({ version, encoding, replica }: ServerSettings, database: string): void {
  if (version < OLDEST_SERVER)
    throw databaseError('database.library', {
      library: 'PostgreSQL',
      version: String(version),
      reason: 'it is older than 14',
    })
  const wrong = (setting: string, expected: string, got: string): Error =>
    databaseError('database.settings', { database, setting, expected, got })
  if (encoding !== 'UTF8') throw wrong('server_encoding', 'UTF8', encoding)
  if (replica) throw wrong('role', 'primary', 'replica')
}

/** Settings last only for the transaction, because a connection pooler keeps no session. */
function beginStatement({ commit }: ServerSettings): string {
  return [
    'begin isolation level read committed',
    `set local lock_timeout = ${LOCK_TIMEOUT_MS}`,
    `set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    ...(commit === 'off' ? ['set local synchronous_commit = on'] : []),
  ].join('; ')
}

interface DriverOptions {
  /** The database's name in errors. */
  readonly shown: string
  /** The statement that begins a transaction. */
  readonly begin: string
}

function createDialect(
  deps: ConnectionDeps,
  connections: PostgresqlConnections,
  options: DriverOptions,
): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => new PostgresqlDriver(deps, connections, options),
  }
}

/** A leased connection in the form that Kysely uses. */
class Lease implements DatabaseConnection {
  readonly connection: PostgresqlConnection
  readonly #deps: ConnectionDeps
  readonly #shown: string
  isInTransaction = false

  constructor(deps: ConnectionDeps, connection: PostgresqlConnection, shown: string) {
    this.#deps = deps
    this.connection = connection
    this.#shown = shown
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const once = (): Promise<pg.QueryResult> => this.query(query)
    // Outside of a transaction, a statement is its own transaction. So the server rolled it back
    // completely.
    return resultOf(
      this.isInTransaction
        ? await once()
        : await retryRolledBack(this.#deps.clock, once, this.#deps.limits()?.signal),
    )
  }

  streamQuery(): never {
    throw databaseError('database.query', {
      database: this.#shown,
      reason: 'streams are not used',
    })
  }

  async query({ sql, parameters }: CompiledQuery): Promise<pg.QueryResult> {
    try {
      return await this.connection.query(sql, parameters)
    } catch (error) {
      throw this.failureOf(error)
    }
  }

  /** Converts the error. The signal's reason is returned unchanged. */
  failureOf(error: unknown): unknown {
    const signal = this.#deps.limits()?.signal
    return signal?.aborted === true && error === signal.reason
      ? error
      : postgresqlFailure(error, this.#shown)
  }
}

class PostgresqlDriver implements Driver {
  readonly #deps: ConnectionDeps
  readonly #connections: PostgresqlConnections
  readonly #options: DriverOptions

  constructor(deps: ConnectionDeps, connections: PostgresqlConnections, options: DriverOptions) {
    this.#deps = deps
    this.#connections = connections
    this.#options = options
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Lease> {
    const connection = await this.#connections.connect()
    return new Lease(this.#deps, connection, this.#options.shown)
  }

  async releaseConnection(lease: DatabaseConnection): Promise<void> {
    ownLease(lease).connection.release()
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const lease = ownLease(connection)
    lease.isInTransaction = true
    await lease.query(CompiledQuery.raw(this.#options.begin))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const lease = ownLease(connection)
    // The connection was lost before the commit was sent, so the server has rolled back.
    const { lost } = lease.connection
    if (lost !== undefined) throw lease.failureOf(lost)
    await commit(lease.connection, this.#options.shown)
    lease.isInTransaction = false
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const lease = ownLease(connection)
    try {
      await lease.connection.query('rollback')
      lease.isInTransaction = false
    } catch {
      // The connection is lost, so the server rolls back. The caller must get the first error,
      // which may be an unknown outcome.
    }
  }

  destroy(): Promise<void> {
    return this.#connections.close()
  }
}

/** Returns the lease behind a connection. Kysely passes the connections of this driver. */
function ownLease(connection: DatabaseConnection): Lease {
  if (connection instanceof Lease) return connection
  throw new TypeError('expected a connection of this driver')
}

async function commit(connection: PostgresqlConnection, shown: string): Promise<void> {
  try {
    const { command } = await connection.query('commit')
    // PostgreSQL returns ROLLBACK if an earlier statement failed and the work continued anyway.
    if (command === 'ROLLBACK')
      throw databaseError('database.query', {
        database: shown,
        reason: 'a statement had failed, so the transaction was rolled back',
      })
  } catch (error) {
    // The server may have committed before the connection broke or the time limit passed.
    if (connectionLost(error) || databaseError.is(error, 'database.unreachable'))
      throw databaseError(
        'database.outcome-unknown',
        { database: shown, reason: asError(error).message },
        { cause: error },
      )
    throw postgresqlFailure(error, shown)
  }
}

/** Statements that change rows, by the tag of the server's response. */
const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

function resultOf<R>({ command, rowCount, rows }: pg.QueryResult): QueryResult<R> {
  if (!CHANGES.has(command)) return { rows: rows ?? [] }
  return { rows: rows ?? [], numAffectedRows: BigInt(rowCount ?? 0) }
}
