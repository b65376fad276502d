/**
 * A pool of PostgreSQL connections for Kysely. Transactions are READ COMMITTED with explicit row locks, wait for a lock a bounded
 * time, and never acknowledge before the commit is durable; integers arrive as numbers, as they do from SQLite.
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresDriver,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import pg from 'pg'
import { databaseError } from './errors.ts'
import { connectionLost, postgresqlFailure } from './failure.ts'

/** Enough for the requests that wait for the database at once; the log's head row lets one writer through at a time anyway. */
const CONNECTIONS = 10
const CONNECT_TIMEOUT_MS = 10_000
/** A row lock is held for one short transaction; a longer wait means that something hangs. */
const LOCK_TIMEOUT_MS = 15_000
/** A transaction whose coordinator hangs must not keep the head row from all others. */
const IDLE_IN_TRANSACTION_MS = 30_000
/** Oldest server version that still gets fixes, in the form of server_version_num. */
const OLDEST_SERVER = 140_000

const INT8 = 20
const NUMERIC = 1700

/** `count(*)` is int8 and `sum(int8)` numeric: text by default, because a double cannot hold all of them. Ours all fit. */
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

export interface PostgresqlPool {
  readonly dialect: Dialect
}

/**
 * Connects once to check the server.
 * @throws database.unreachable, database.absent, database.settings, database.library
 */
export async function openPostgresql(url: string, shown: string): Promise<PostgresqlPool> {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'muster',
    types,
  })
  // An idle connection that the server closes: the pool has dropped it already, and the next query opens another.
  pool.on('error', () => {})
  // One that breaks while it is in use says so twice: to the query, which fails, and to nobody, which would end this process.
  pool.on('connect', (client) => client.on('error', () => {}))
  try {
    const { rows } = await pool.query(
      `select current_setting('server_version_num')::bigint as version, current_setting('server_encoding') as encoding,
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
    return { dialect: postgresqlDialect(pool, shown, commit === 'off') }
  } catch (error) {
    await pool.end()
    throw postgresqlFailure(error, shown)
  }
}

function postgresqlDialect(pool: pg.Pool, shown: string, forceSynchronous: boolean): Dialect {
  const begin = [
    'begin isolation level read committed',
    `set local lock_timeout = ${LOCK_TIMEOUT_MS}`,
    `set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    ...(forceSynchronous ? ['set local synchronous_commit = on'] : []),
  ].join('; ')
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createDriver: () => postgresqlDriver(pool, shown, begin),
  }
}

type InnerConnection = Parameters<PostgresDriver['releaseConnection']>[0]

/** Kysely's own driver with our `begin` (settings last for the transaction: a pooler between us keeps no session) and our errors. */
function postgresqlDriver(pool: pg.Pool, shown: string, begin: string): Driver {
  const inner = new PostgresDriver({ pool })
  const translated = new WeakMap<DatabaseConnection, DatabaseConnection>()
  const originals = new WeakMap<DatabaseConnection, InnerConnection>()
  const original = (connection: DatabaseConnection): InnerConnection =>
    originals.get(connection) as InnerConnection
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw postgresqlFailure(error, shown)
    }
  }
  return {
    init: () => inner.init(),
    acquireConnection: () =>
      guard(async () => {
        const connection = await inner.acquireConnection()
        let outer = translated.get(connection)
        if (outer === undefined) {
          outer = {
            executeQuery: (query, options) => guard(() => connection.executeQuery(query, options)),
            streamQuery: (query, size, options) => connection.streamQuery(query, size, options),
          }
          translated.set(connection, outer)
          originals.set(outer, connection as InnerConnection)
        }
        return outer
      }),
    releaseConnection: (connection) => inner.releaseConnection(original(connection)),
    beginTransaction: (connection) =>
      guard(async () => void (await original(connection).executeQuery(CompiledQuery.raw(begin)))),
    commitTransaction: async (connection) => {
      try {
        await inner.commitTransaction(original(connection))
      } catch (error) {
        // The server may have committed before the connection broke: nobody here can know.
        if (connectionLost(error))
          throw databaseError(
            'database.outcome-unknown',
            { database: shown, reason: String((error as Error).message) },
            { cause: error },
          )
        throw postgresqlFailure(error, shown)
      }
    },
    rollbackTransaction: async (connection) => {
      try {
        await inner.rollbackTransaction(original(connection))
      } catch {
        // The connection is gone, so the server has rolled back by itself, and the pool drops the connection. What led here is the error
        // that the caller must see: above all an unknown outcome.
      }
    },
    destroy: () => inner.destroy(),
  }
}
