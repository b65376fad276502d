/**
 * Appends entries to the log. The caller's transaction adds one row under the lock of the head row.
 * So entries have no gaps, and their order is the order of commits on all coordinators. A change in
 * the database and its entry are both committed, or neither is.
 */
import type { Kysely } from 'kysely'
import { type EntryType, encodeEntry, kindFor } from '../../shared/audit/entry.ts'
import { append, leafHash } from '../../shared/audit/tree.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { FleetId, OperationId } from '../../shared/ids.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Dialect } from '../database/schema/columns.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'
import { lockHead, writeHead } from './head.ts'

/** The signed statement to log. */
export interface Append {
  readonly type: EntryType
  /** The operation of the entry. If the statement names one, it must be the same. */
  readonly operation?: OperationId | null
  readonly signed: Signed
}

export interface Appended {
  readonly index: number
  /** The entry's time, milliseconds since the epoch. */
  readonly at: number
}

/**
 * Appends one entry. The statement must verify, so that every entry of the log can be checked
 * later.
 * @throws ledger.entry, ledger.first, ledger.damaged
 */
export async function appendEntry(
  deps: { clock: Clock },
  tx: Kysely<Tables>,
  options: { dialect: Dialect; fleet: FleetId; coordinator: string },
  entry: Append,
): Promise<Appended> {
  const operation = entry.operation ?? null
  const { coordinator, fleet, dialect } = options
  requireGenuine(entry, operation, fleet)
  const head = await lockHead(tx, dialect)
  if (head.size === 0 && entry.type !== 'root')
    throw ledgerError('ledger.first', { got: entry.type })
  // The index gives the order. If the clock steps back, the entry gets the last time and a mark, so
  // that the log doesn't look reordered.
  const now = deps.clock.now()
  const clamped = now < head.lastAt
  const at = clamped ? head.lastAt : now
  const bytes = refusing(() =>
    encodeEntry({ type: entry.type, operation, coordinator, signed: entry.signed, at, clamped }),
  )
  const index = head.size
  const leaf = leafHash(bytes)
  await tx
    .insertInto('log_entry')
    .values({
      index,
      leaf_hash: leaf,
      bytes,
      at,
      type: entry.type,
      operation,
      actor: fingerprintOf(entry.signed.key),
    })
    .execute()
  append(head.frontier, leaf)
  await writeHead(tx, head.frontier, at)
  // Crash from here to the caller's commit: the database rolls back the entry, the head and the
  // caller's change together.
  return { index, at }
}

/**
 * Rejects an entry that {@link appendEntry} would reject in every state of the log. Call it before
 * a transaction depends on the entry.
 * @throws ledger.entry
 */
export function requireLoggable(
  options: { fleet: FleetId; coordinator: string },
  entry: Append,
  at: number,
): void {
  const operation = entry.operation ?? null
  requireGenuine(entry, operation, options.fleet)
  // Measure the entry with the mark, which makes it longest.
  refusing(() =>
    encodeEntry({
      type: entry.type,
      operation,
      coordinator: options.coordinator,
      signed: entry.signed,
      at,
      clamped: true,
    }),
  )
}

function requireGenuine(entry: Append, operation: OperationId | null, fleet: FleetId): void {
  const body = refusing(() =>
    readSigned(entry.signed, kindFor(entry.type, entry.signed), { fleet }),
  )
  if ('operation' in body && body.operation !== operation)
    throw ledgerError('ledger.entry', {
      reason: `it is filed under operation ${operation}, but its statement names ${body.operation}`,
    })
}

function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof MusterError)) throw cause
    throw ledgerError('ledger.entry', { reason: cause.message }, { cause })
  }
}
