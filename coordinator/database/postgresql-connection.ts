/**
 * One connection to a PostgreSQL server. Each statement has a time limit. If a response is too
 * late, the connection is closed and never used again.
 */
import type pg from 'pg'
import { asError } from '../../shared/as-error.ts'
import type { Clock } from '../../shared/clock.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import { databaseError } from './errors.ts'
import { connectionLost } from './failure.ts'

/** Twice the wait for a row lock. A server that takes longer has stopped. */
const STATEMENT_MS = 30_000

/** The caller's limits for a query. */
export interface QueryLimits {
  readonly signal?: AbortSignal | undefined
  /** Time limit of one statement in milliseconds. */
  readonly statementMs?: number | undefined
}

export interface ConnectionDeps {
  readonly clock: Clock
  /** The limits of the current query's caller. */
  readonly limits: () => QueryLimits | undefined
}

export interface ConnectionOptions {
  /** The database's name in errors. */
  readonly shown: string
  /** Called once the connection is released. */
  readonly onRelease: () => void
}

export class PostgresqlConnection {
  readonly #deps: ConnectionDeps
  readonly #client: pg.PoolClient
  readonly #options: ConnectionOptions
  #lost: Error | undefined

  constructor(deps: ConnectionDeps, client: pg.PoolClient, options: ConnectionOptions) {
    this.#deps = deps
    this.#client = client
    this.#options = options
    client.on('error', this.#onError)
  }

  /** The reason why no statement can reach the server; undefined while the connection works. */
  get lost(): Error | undefined {
    return this.#lost
  }

  /**
   * Sends one statement. The signal does not end a `commit`, because its outcome would be unknown.
   * @throws the errors of `pg`; database.unreachable after the time limit; the signal's reason
   */
  async query(sql: string, parameters: readonly unknown[] = []): Promise<pg.QueryResult> {
    if (this.#lost !== undefined) throw this.#lost
    try {
      return await this.#queryInTime(sql, parameters)
    } catch (error) {
      if (connectionLost(error)) this.#lost ??= asError(error)
      throw error
    }
  }

  release(): void {
    this.#client.off('error', this.#onError)
    this.#client.release(this.#lost)
    this.#options.onRelease()
  }

  async #queryInTime(sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const limits = this.#deps.limits()
    const signal = sql === 'commit' ? undefined : limits?.signal
    signal?.throwIfAborted()
    const waiting = createInterrupt()
    const giveUp = (error: unknown): void => {
      // The response may still arrive. It would look like the response to the next statement.
      this.#lost ??= asError(error)
      waiting.end(error)
    }
    const onAbort = (): void => giveUp(signal?.reason)
    const limitMs = limits?.statementMs ?? STATEMENT_MS
    const cancel = this.#deps.clock.after(limitMs, () => giveUp(this.#silent(limitMs)))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await waiting.wait(this.#client.query(sql, [...parameters]))
    } finally {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #silent(limitMs: number): Error {
    const reason = `no answer within ${limitMs / 1000} seconds`
    return databaseError('database.unreachable', { database: this.#options.shown, reason })
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= error
  }
}
