/**
 * The coordinator's database: SQLite or PostgreSQL behind one typed query builder. Both
 * guarantee:
 *
 * - All changes of a transaction are committed, or none. After it resolves they survive a power
 *   loss.
 * - All errors are {@link databaseError}. Only after 'database.outcome-unknown' may a change have
 *   been made.
 * - Two transactions that lock the same row (`lockRow`) run one after the other. Without a common
 *   lock PostgreSQL may interleave them (READ COMMITTED). Every operation that changes data locks
 *   the log's head row, which gives one order.
 * - Integers below 2^53 are numbers, text orders by bytes, bytes are Buffers.
 * - A query outside the transaction, made inside its callback, is rejected. SQLite has one
 *   connection, so the query would wait for ever.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Kysely, type KyselyPlugin } from 'kysely'
import type { Clock } from '../../shared/clock.ts'
import type { Dialect } from './schema/columns.ts'
import { databaseError } from './errors.ts'
import { checkSchema } from './migrate.ts'
import { openPostgresql } from './postgresql.ts'
import type { QueryLimits } from './postgresql-connection.ts'
import { retryRolledBack } from './retry.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { openSqlite } from './sqlite.ts'
import type { Tables } from './tables/all.ts'
import { parseDatabaseUrl } from './url.ts'

export interface TransactionOptions {
  readonly signal?: AbortSignal
  /** Time limit of one statement on PostgreSQL, in milliseconds; default 30 seconds. */
  readonly statementMs?: number
}

export interface Database {
  readonly dialect: Dialect
  /** The database's name for operators: a path, or a URL without its password. */
  readonly shown: string
  readonly clock: Clock
  /** Queries outside any transaction. */
  readonly query: Kysely<Tables>
  /**
   * Runs `work` in one transaction and commits it. Use only `tx` inside. PostgreSQL may roll back
   * to resolve a deadlock. Then `work` runs again, so it must change nothing but the database.
   * After the signal has aborted, no statement runs and nothing is committed.
   * @throws the error of `work` after rolling back; database.nested, .busy, .unreachable,
   * .outcome-unknown, .full
   */
  transaction<T>(work: (tx: Kysely<Tables>) => Promise<T>, options?: TransactionOptions): Promise<T>
  close(): Promise<void>
}

/**
 * Opens the database at `url` (see url.ts). Without `create` it must exist and have been migrated.
 * @throws database.absent, .newer-schema, .edited-migration, .in-use, .damaged, .library,
 * .settings, .network-folder, .unreachable, .url
 */
export async function openDatabase(
  deps: { clock: Clock },
  options: { url: string; create?: boolean },
): Promise<Database> {
  const address = parseDatabaseUrl(options.url)
  const create = options.create === true
  const { shown } = address
  let kysely: Kysely<Tables>
  let closeFile = (): void => {}
  // The limits of the current transaction. The PostgreSQL connections read them.
  const limits = new AsyncLocalStorage<QueryLimits>()
  if (address.dialect === 'sqlite') {
    const file = openSqlite(address.path, { create })
    closeFile = file.close
    kysely = new Kysely<Tables>({ dialect: sqliteDialect(file.raw, shown) })
  } else {
    const postgresql = { clock: deps.clock, limits: () => limits.getStore() }
    kysely = new Kysely<Tables>({ dialect: await openPostgresql(postgresql, address.url, shown) })
  }
  const database = createDatabase(
    { clock: deps.clock, kysely, limits, closeFile },
    { dialect: address.dialect, shown },
  )
  try {
    await checkSchema(database, { create })
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

interface Parts {
  clock: Clock
  kysely: Kysely<Tables>
  limits: AsyncLocalStorage<QueryLimits>
  closeFile: () => void
}

function createDatabase(deps: Parts, options: { dialect: Dialect; shown: string }): Database {
  const { kysely, clock, limits } = deps
  // One store for each database, because a transaction here may query another database.
  const inside = new AsyncLocalStorage<{ open: boolean }>()
  const refuseNested = (): void => {
    if (inside.getStore()?.open === true) throw databaseError('database.nested')
  }
  const guard: KyselyPlugin = {
    transformQuery: ({ node }) => {
      refuseNested()
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const once = <T>(
    work: (tx: Kysely<Tables>) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> =>
    kysely.transaction().execute(async (tx) => {
      const scope = { open: true }
      try {
        const result = await inside.run(scope, () => work(signal ? stopping(tx, signal) : tx))
        signal?.throwIfAborted()
        return result
      } finally {
        // Work that outlives the transaction, such as a timer, no longer belongs to it.
        scope.open = false
      }
    })
  return {
    ...options,
    clock,
    query: kysely.withPlugin(guard),
    transaction: async (work, { signal, statementMs } = {}) => {
      refuseNested()
      return limits.run({ signal, statementMs }, () =>
        retryRolledBack(clock, () => once(work, signal), signal),
      )
    },
    close: async () => {
      await kysely.destroy()
      deps.closeFile()
    },
  }
}

/** Wraps the transaction's queries. None of them runs after the signal has aborted. */
function stopping(tx: Kysely<Tables>, signal: AbortSignal): Kysely<Tables> {
  return tx.withPlugin({
    transformQuery: ({ node }) => {
      signal.throwIfAborted()
      return node
    },
    transformResult: async ({ result }) => result,
  })
}
