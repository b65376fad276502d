/**
 * The pool of connections to a PostgreSQL server. Every wait has a limit: for a free connection,
 * for a new one, and for the close of a connection.
 */
import { Socket } from 'node:net'
import pg from 'pg'
import type { Clock } from '../../shared/clock.ts'
import { createSemaphore, type Semaphore } from '../../shared/concurrency/semaphore.ts'
import { abortable, createInterrupt } from '../../shared/interrupt.ts'
import { databaseError } from './errors.ts'
import { postgresqlFailure } from './failure.ts'
import { type ConnectionDeps, PostgresqlConnection } from './postgresql-connection.ts'

/** Enough for concurrent requests. The log's head row admits one writer at a time. */
const CONNECTIONS = 10
const CONNECT_MS = 10_000
/** A connection is released after a few short statements, each of which has a time limit. */
const FREE_MS = 30_000
/** A working server closes an idle connection in milliseconds. */
const CLOSE_MS = 2_000

export interface PostgresqlConnections {
  /** @throws database.busy, database.unreachable, database.absent, the signal's reason */
  connect(): Promise<PostgresqlConnection>
  close(): Promise<void>
}

export interface ConnectionsOptions {
  readonly url: string
  /** The database's name in errors. */
  readonly shown: string
  readonly types: pg.CustomTypesConfig
}

export function openConnections(
  deps: ConnectionDeps,
  options: ConnectionsOptions,
): PostgresqlConnections {
  const { clock } = deps
  const { shown } = options
  // The sockets that close() destroys if the server doesn't respond.
  const sockets = new Set<Socket>()
  const pool = openPool(options, sockets)
  const permits = createSemaphore(CONNECTIONS)
  return {
    async connect() {
      const signal = deps.limits()?.signal
      const onRelease = await acquirePermit(permits, { clock, shown }, signal)
      const connecting = pool.connect()
      try {
        const client = await inTime({ clock, shown }, connecting, signal)
        return new PostgresqlConnection(deps, client, { shown, onRelease })
      } catch (error) {
        // After an abort, the connection may still be opened. Until then it keeps its permit.
        connecting
          .then(
            (client) => client.release(),
            () => undefined,
          )
          .finally(onRelease)
        throw signal?.aborted === true ? error : postgresqlFailure(error, shown)
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

/** @param sockets receives the open sockets of the pool */
function openPool({ url, types }: ConnectionsOptions, sockets: Set<Socket>): pg.Pool {
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
  // The server closed an idle connection. The pool has removed it, and the next query opens
  // another one.
  pool.on('error', () => undefined)
  // If a connection breaks during a query, the query fails too. Without a listener, this event
  // would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

interface WaitDeps {
  readonly clock: Clock
  readonly shown: string
}

/**
 * Waits for a permit before the pool is used. The pool's error is the same for a full pool and for
 * an unreachable server.
 * @throws database.busy, the signal's reason
 */
async function acquirePermit(
  permits: Semaphore,
  { clock, shown }: WaitDeps,
  signal: AbortSignal | undefined,
): Promise<() => void> {
  signal?.throwIfAborted()
  const wait = new AbortController()
  const onAbort = (): void => wait.abort(signal?.reason)
  const cancel = clock.after(FREE_MS, () => {
    const reason = `all ${CONNECTIONS} connections are in use`
    wait.abort(databaseError('database.busy', { database: shown, reason }))
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await permits.acquire(wait.signal)
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** @throws database.unreachable, the signal's reason */
async function inTime(
  { clock, shown }: WaitDeps,
  connecting: Promise<pg.PoolClient>,
  signal: AbortSignal | undefined,
): Promise<pg.PoolClient> {
  const waiting = createInterrupt()
  const cancel = clock.after(CONNECT_MS, () => {
    const reason = `no connection within ${CONNECT_MS / 1000} seconds`
    waiting.end(databaseError('database.unreachable', { database: shown, reason }))
  })
  try {
    return await abortable(waiting.wait(connecting), signal)
  } finally {
    cancel()
  }
}
