/**
 * Turns what the two drivers throw into {@link databaseError}, by their codes and never by their
 * prose.
 */
import { MusterError } from '../../shared/errors.ts'
import { databaseError } from './errors.ts'

interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
  readonly constraint?: unknown
  readonly detail?: unknown
}

/** The driver's own words, one line of them, for the places where they help an operator. */
function reasonOf(error: DriverError): string {
  return String(error.message ?? error).split('\n', 1)[0] as string
}

/** An error of better-sqlite3 about the database `shown`. Result codes: sqlite.org/rescode.html. */
export function sqliteFailure(error: unknown, shown: string): MusterError {
  if (error instanceof MusterError) return error
  const thrown = error as DriverError
  const code = String(thrown.code ?? '')
  const options = { cause: error }
  const reason = reasonOf(thrown)
  // "UNIQUE constraint failed: agent.name" names the columns and nothing of the row.
  const what = reason.replace(/^.*constraint failed:? ?/, '') || code
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return databaseError('database.exists', { what }, options)
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY')
    return databaseError('database.missing-reference', { what }, options)
  if (code.startsWith('SQLITE_CONSTRAINT'))
    return databaseError('database.constraint', { what }, options)
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return databaseError('database.busy', { database: shown, reason }, options)
  if (code.startsWith('SQLITE_FULL'))
    return databaseError('database.full', { database: shown }, options)
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return databaseError('database.damaged', { database: shown, reason }, options)
  if (
    code.startsWith('SQLITE_CANTOPEN') ||
    code.startsWith('SQLITE_READONLY') ||
    code.startsWith('SQLITE_IOERR') ||
    code.startsWith('SQLITE_PERM')
  )
    return databaseError('database.unreachable', { database: shown, reason }, options)
  return databaseError('database.query', { database: shown, reason }, options)
}

/**
 * SQLSTATEs after which the connection is gone: class 08, administrator's shutdown, crash,
 * start-up. PostgreSQL documentation, appendix A.
 */
const CONNECTION_LOST = /^(08...|57P0[1-5])$/
/** Of Node's sockets and resolver, and of `pg` itself, which has no codes for a lost connection. */
const SOCKET_LOST = /^(E[A-Z_]+)$/
const PG_LOST =
  /connection terminated|timeout exceeded when trying to connect|connection error|client was closed|not queryable/i

/**
 * The server ended the session of a transaction that took too long: it is rolled back. PostgreSQL
 * documentation, appendix A.
 */
const TIMED_OUT = new Set(['25P03', '25P04'])

/** True where the statement may or may not have reached the server. */
export function connectionLost(error: unknown): boolean {
  const thrown = error as DriverError
  const code = String(thrown.code ?? '')
  return (
    CONNECTION_LOST.test(code) ||
    SOCKET_LOST.test(code) ||
    (code === '' && PG_LOST.test(String(thrown.message ?? '')))
  )
}

/** An error of `pg` about the database `shown`. */
export function postgresqlFailure(error: unknown, shown: string): MusterError {
  if (error instanceof MusterError) return error
  const thrown = error as DriverError
  const code = String(thrown.code ?? '')
  const options = { cause: error }
  const reason = reasonOf(thrown)
  const what = String(thrown.constraint ?? code)
  if (code === '23505') return databaseError('database.exists', { what }, options)
  if (code === '23503') return databaseError('database.missing-reference', { what }, options)
  if (code.startsWith('23')) return databaseError('database.constraint', { what }, options)
  if (code === '40001' || code === '40P01' || code === '55P03')
    return databaseError('database.busy', { database: shown, reason }, options)
  if (code === '53100') return databaseError('database.full', { database: shown }, options)
  if (code === 'XX001' || code === 'XX002')
    return databaseError('database.damaged', { database: shown, reason }, options)
  if (code === '3D000') return databaseError('database.absent', { database: shown }, options)
  if (
    connectionLost(error) ||
    TIMED_OUT.has(code) ||
    code.startsWith('28') ||
    code.startsWith('53')
  )
    return databaseError('database.unreachable', { database: shown, reason }, options)
  return databaseError('database.query', { database: shown, reason }, options)
}

/**
 * True where running the whole transaction again is safe and may help: it was rolled back for the
 * sake of another one.
 */
export function rolledBackForAnother(error: unknown): boolean {
  const cause = (error as { cause?: DriverError }).cause
  return cause?.code === '40001' || cause?.code === '40P01'
}
