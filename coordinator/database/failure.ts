/**
 * Converts errors of the two drivers to {@link databaseError}. It uses their codes and never their
 * texts.
 */
import { MusterError } from '../../shared/errors.ts'
import { databaseError } from './errors.ts'

interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
  readonly constraint?: unknown
  readonly detail?: unknown
}

function driverError(error: unknown): DriverError {
  return typeof error === 'object' && error !== null ? error : {}
}

/** Returns the code of a driver's error; empty if it has none. */
export function driverCode(error: unknown): string {
  return String(driverError(error).code ?? '')
}

/** Returns one line of the driver's message, for errors in which it helps an operator. */
function reasonOf(error: unknown): string {
  const [line = ''] = String(driverError(error).message ?? error).split('\n', 1)
  return line
}

/** Converts an error of better-sqlite3. Result codes: sqlite.org/rescode.html. */
export function sqliteFailure(error: unknown, shown: string): MusterError {
  if (error instanceof MusterError) return error
  const code = driverCode(error)
  const options = { cause: error }
  const reason = reasonOf(error)
  // "UNIQUE constraint failed: agent.name" names columns, but no values of the row.
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
 * SQLSTATEs after which the connection is lost: class 08, administrator shutdown, crash, startup.
 * Source: PostgreSQL documentation, appendix A.
 */
const CONNECTION_LOST = /^(08...|57P0[1-5])$/
/** Errors of Node's sockets and resolver, and of `pg`, which has no codes for a lost connection. */
const SOCKET_LOST = /^(E[A-Z_]+)$/
const PG_LOST = new RegExp(
  'connection terminated|timeout exceeded when trying to connect|connection error|' +
    'client was closed|not queryable',
  'i',
)

/**
 * The server ended the session of a transaction that took too long, and rolled it back. Source:
 * PostgreSQL documentation, appendix A.
 */
const TIMED_OUT = new Set(['25P03', '25P04'])

/** True if the server may have received the statement before the connection was lost. */
export function connectionLost(error: unknown): boolean {
  const code = driverCode(error)
  return (
    CONNECTION_LOST.test(code) ||
    SOCKET_LOST.test(code) ||
    (code === '' && PG_LOST.test(String(driverError(error).message ?? '')))
  )
}

/** Converts an error of `pg`. `shown` is the database's name. */
export function postgresqlFailure(error: unknown, shown: string): MusterError {
  if (error instanceof MusterError) return error
  const code = driverCode(error)
  const options = { cause: error }
  const reason = reasonOf(error)
  const what = String(driverError(error).constraint ?? code)
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
 * True if the whole transaction can safely run again: PostgreSQL rolled it back in favour of
 * another one.
 */
export function rolledBackForAnother(error: unknown): boolean {
  const code = driverCode(error instanceof Error ? error.cause : undefined)
  return code === '40001' || code === '40P01'
}
