/**
 * A pool of PostgreSQL connections for Kysely. Transactions are READ COMMITTED with explicit row
 * locks, their waits are bounded, and a commit is acknowledged only after it is durable. Integers
 * arrive as numbers, as they do from SQLite.
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
import type { Clock } from '../../shared/clock.ts'
import { databaseError } from './errors.ts'
import { connectionLost, postgresqlFailure } from './failure.ts'
import {
  openConnections,
  type PostgresqlConnection,
  type PostgresqlConnections,
  type QueryLimits,
} from './postgresql-connections.ts'
import { retryRolledBack } from './retry.ts'

/** A row lock is held for one short transaction. A longer wait means that a process hangs. */
const LOCK_TIMEOUT_MS = 15_000
/** A coordinator that hangs in a transaction must not keep the head row from all others. */
const IDLE_IN_TRANSACTION_MS = 30_000
/** The oldest server version that still gets fixes, as server_version_num. */
const OLDEST_SERVER = 140_000

const INT8 = 20
const NUMERIC = 1700

/**
 * `count(*)` is int8 and `sum(int8)` is numeric. `pg` returns both as text, because a double cannot
 * hold all of them. All our values fit.
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

export interface PostgresqlDeps {
  readonly clock: Clock
  /** The limits of the current query's caller. */
  readonly limits: () => QueryLimits | undefined
}

/**
 * Connects once to check the server.
 * @throws database.unreachable, database.absent, database.settings, database.library
 */
export async function openPostgresql(
  deps: PostgresqlDeps,
  url: string,
  shown: string,
): Promise<Dialect> {
  const connections = openConnections(deps, { url, shown, types })
  try {
    const connection = await connections.connect()
    try {
      return await checkedDialect(deps, connections, connection, shown)
    } finally {
      connection.release()
    }
  } catch (error) {
    await connections.close()
    throw postgresqlFailure(error, shown)
  }
}

async function checkedDialect(
  deps: PostgresqlDeps,
  connections: PostgresqlConnections,
  connection: PostgresqlConnection,
  shown: string,
): Promise<Dialect> {
  const { rows } = await connection.query(
    `select current_setting('server_version_num')::bigint as version,
            current_setting('server_encoding') as encoding,
            current_setting('synchronous_commit') as commit, pg_is_in_recovery() as replica`,
  )
  const { version, encoding, commit, replica } = rows[0] as {
    version: number
    encoding: string
    commit: string
    replica: boolean
  }
  if (version < OLDEST_SERVER)
    throw databaseError('database.library', {
      library: 'PostgreSQL',
      version: String(version),
      reason: 'it is older than 14',
    })
  if (encoding !== 'UTF8')
    throw databaseError('database.settings', {
      database: shown,
      setting: 'server_encoding',
      expected: 'UTF8',
      got: encoding,
    })
  if (replica)
    throw databaseError('database.settings', {
      database: shown,
      setting: 'role',
      expected: 'primary',
      got: 'replica',
    })
  // Settings last for the transaction: a pooler before the server keeps no session.
  const begin = [
    'begin isolation level read committed',
    `set local lock_timeout = ${LOCK_TIMEOUT_MS}`,
    `set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    ...(commit === 'off' ? ['set local synchronous_commit = on'] : []),
  ].join('; ')
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => postgresqlDriver(deps, connections, { shown, begin }),
  }
}

function postgresqlDriver(
  deps: PostgresqlDeps,
  connections: PostgresqlConnections,
  { shown, begin }: { shown: string; begin: string },
): Driver {
  // The connection behind each object that Kysely holds.
  const leases = new WeakMap<DatabaseConnection, PostgresqlConnection>()
  const inTransaction = new WeakSet<PostgresqlConnection>()
  const leaseOf = (connection: DatabaseConnection): PostgresqlConnection =>
    leases.get(connection) as PostgresqlConnection
  const ask = async (
    lease: PostgresqlConnection,
    query: CompiledQuery,
  ): Promise<pg.QueryResult> => {
    try {
      return await lease.query(query.sql, query.parameters)
    } catch (error) {
      throw failureOf(deps, error, shown)
    }
  }
  return {
    init: async () => undefined,
    acquireConnection: async () => {
      const lease = await connections.connect()
      const connection: DatabaseConnection = {
        executeQuery: async (query) => {
          const once = (): Promise<pg.QueryResult> => ask(lease, query)
          // Outside a transaction a statement is its own transaction, so a deadlock rolled it back
          // completely.
          return resultOf(
            inTransaction.has(lease)
              ? await once()
              : await retryRolledBack(deps.clock, once, deps.limits()?.signal),
          )
        },
        streamQuery: () => {
          throw databaseError('database.query', { database: shown, reason: 'streams are not used' })
        },
      }
      leases.set(connection, lease)
      return connection
    },
    releaseConnection: async (connection) => leaseOf(connection).release(),
    beginTransaction: async (connection) => {
      const lease = leaseOf(connection)
      inTransaction.add(lease)
      await ask(lease, CompiledQuery.raw(begin))
    },
    commitTransaction: async (connection) => {
      const lease = leaseOf(connection)
      // Lost before the commit was sent: the server has certainly rolled back.
      const lost = lease.lost()
      if (lost !== undefined) throw failureOf(deps, lost, shown)
      await commit(lease, shown)
      inTransaction.delete(lease)
    },
    rollbackTransaction: async (connection) => {
      const lease = leaseOf(connection)
      await lease.query('rollback').then(
        () => inTransaction.delete(lease),
        // The connection is lost, so the server rolls back. The caller must get the first error,
        // above all an unknown outcome.
        () => undefined,
      )
    },
    destroy: () => connections.close(),
  }
}

/** The signal's reason is passed on unchanged. */
function failureOf(deps: PostgresqlDeps, error: unknown, shown: string): unknown {
  const signal = deps.limits()?.signal
  return signal?.aborted === true && error === signal.reason
    ? error
    : postgresqlFailure(error, shown)
}

async function commit(lease: PostgresqlConnection, shown: string): Promise<void> {
  try {
    const { command } = await lease.query('commit')
    // PostgreSQL answers ROLLBACK if an earlier statement failed and the work continued
    // nevertheless.
    if (command === 'ROLLBACK')
      throw databaseError('database.query', {
        database: shown,
        reason: 'a statement had failed, so the transaction was rolled back',
      })
  } catch (error) {
    // The server may have committed before the connection broke or fell silent.
    if (connectionLost(error) || databaseError.is(error, 'database.unreachable'))
      throw databaseError(
        'database.outcome-unknown',
        { database: shown, reason: String((error as Error).message) },
        { cause: error },
      )
    throw postgresqlFailure(error, shown)
  }
}

/** Statements that change rows, by the tag of the server's answer. */
const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

function resultOf<R>({ command, rowCount, rows }: pg.QueryResult): QueryResult<R> {
  return {
    rows: rows ?? [],
    ...(CHANGES.has(command) && { numAffectedRows: BigInt(rowCount ?? 0) }),
  }
}
