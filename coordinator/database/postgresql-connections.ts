/**
 * The connections to a PostgreSQL server. Every wait is bounded: for a free connection, for the
 * server's answer, and for the close of a connection. A connection whose answer came too late is
 * closed and never used again.
 */
import { Socket } from 'node:net'
import pg from 'pg'
import type { Clock } from '../../shared/clock.ts'
import { abortable, createInterrupt } from '../../shared/interrupt.ts'
import { createSemaphore } from '../../shared/concurrency/semaphore.ts'
import { databaseError } from './errors.ts'
import { connectionLost, postgresqlFailure } from './failure.ts'

/** Enough for concurrent requests. The log's head row admits one writer at a time. */
const CONNECTIONS = 10
const CONNECT_MS = 10_000
/** Twice the wait for a row lock. A server that is silent for so long has stopped. */
const STATEMENT_MS = 30_000
/** A connection is released after a few short statements, each of which has that limit. */
const FREE_MS = 30_000
/** A working server closes an idle connection in milliseconds. */
const CLOSE_MS = 2_000

/** The caller's limits for a query. */
export interface QueryLimits {
  readonly signal?: AbortSignal | undefined
  /** Time limit of one statement in milliseconds. */
  readonly statementMs?: number | undefined
}

export interface PostgresqlConnection {
  /**
   * Sends one statement. The signal does not end a `commit`, because its outcome would be unknown.
   * @throws the errors of `pg`; database.unreachable after the time limit; the signal's reason
   */
  query(sql: string, parameters?: readonly unknown[]): Promise<pg.QueryResult>
  /** Why no further statement can reach the server; undefined while the connection works. */
  lost(): Error | undefined
  release(): void
}

export interface PostgresqlConnections {
  /** @throws database.busy, database.unreachable, database.absent, the signal's reason */
  connect(): Promise<PostgresqlConnection>
  close(): Promise<void>
}

export function openConnections(
  deps: { clock: Clock; limits: () => QueryLimits | undefined },
  options: { url: string; shown: string; types: pg.CustomTypesConfig },
): PostgresqlConnections {
  const { clock, limits } = deps
  const { url, shown, types } = options
  // Owned by stream(): the sockets that close() destroys if the server doesn't answer.
  const sockets = new Set<Socket>()
  const stream = (): Socket => {
    const socket = new Socket()
    sockets.add(socket)
    return socket.once('close', () => sockets.delete(socket))
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'muster',
    types,
    stream,
  })
  // The server closed an idle connection. The pool has dropped it, and the next query opens
  // another.
  pool.on('error', () => undefined)
  // If a connection breaks during a query, the query fails too. This event alone would end the
  // process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  const connections = createSemaphore(CONNECTIONS)

  /**
   * Waits here and not in the pool, whose error is the same for a full pool and an unreachable
   * server.
   */
  const takeSlot = async (signal: AbortSignal | undefined): Promise<() => void> => {
    signal?.throwIfAborted()
    const wait = new AbortController()
    const onAbort = (): void => wait.abort(signal?.reason)
    const cancel = clock.after(FREE_MS, () => {
      const reason = `all ${CONNECTIONS} connections are in use`
      wait.abort(databaseError('database.busy', { database: shown, reason }))
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await connections.acquire(wait.signal)
    } finally {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    async connect() {
      const signal = limits()?.signal
      const giveBack = await takeSlot(signal)
      const connecting = pool.connect()
      const waiting = createInterrupt()
      const cancel = clock.after(CONNECT_MS, () => {
        const reason = `no connection within ${CONNECT_MS / 1000} seconds`
        waiting.end(databaseError('database.unreachable', { database: shown, reason }))
      })
      try {
        const client = await abortable(waiting.wait(connecting), signal)
        return leased({ clock, limits }, client, shown, giveBack)
      } catch (error) {
        // After an abort the connection may still be opened. Until then it keeps its slot.
        connecting
          .then(
            (client) => client.release(),
            () => undefined,
          )
          .finally(giveBack)
        throw signal?.aborted === true ? error : postgresqlFailure(error, shown)
      } finally {
        cancel()
      }
    },
    async close() {
      const closed = pool.end()
      const cancel = clock.after(CLOSE_MS, () => {
        for (const socket of sockets) socket.destroy()
      })
      await closed.finally(cancel)
    },
  }
}

function leased(
  deps: { clock: Clock; limits: () => QueryLimits | undefined },
  client: pg.PoolClient,
  shown: string,
  giveBack: () => void,
): PostgresqlConnection {
  let lost: Error | undefined
  const onError = (error: Error): void => {
    lost ??= error
  }
  client.on('error', onError)
  const limited = async (sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> => {
    const { signal, statementMs = STATEMENT_MS } = deps.limits() ?? {}
    const listened = sql === 'commit' ? undefined : signal
    listened?.throwIfAborted()
    const waiting = createInterrupt()
    const giveUp = (error: Error): void => {
      // The answer may still arrive, and would be taken as the answer to the next statement.
      lost ??= error
      waiting.end(error)
    }
    const onAbort = (): void => giveUp(listened?.reason as Error)
    const cancel = deps.clock.after(statementMs, () => {
      const reason = `no answer within ${statementMs / 1000} seconds`
      giveUp(databaseError('database.unreachable', { database: shown, reason }))
    })
    listened?.addEventListener('abort', onAbort, { once: true })
    try {
      return await waiting.wait(client.query(sql, [...parameters]))
    } finally {
      cancel()
      listened?.removeEventListener('abort', onAbort)
    }
  }
  return {
    lost: () => lost,
    async query(sql, parameters = []) {
      if (lost !== undefined) throw lost
      try {
        return await limited(sql, parameters)
      } catch (error) {
        if (connectionLost(error)) lost ??= error as Error
        throw error
      }
    },
    release: () => {
      client.off('error', onError)
      client.release(lost)
      giveBack()
    },
  }
}
