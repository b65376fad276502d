/**
 * The log's head row: size, root and frontier. The transaction that locks it appends the next
 * entry.
 */
import type { Kysely } from 'kysely'
import {
  EMPTY_ROOT,
  type Frontier,
  frontierRoot,
  packFrontier,
  sameHash,
  unpackFrontier,
} from '../../shared/audit/tree.ts'
import type { Dialect } from '../database/schema/columns.ts'
import type { Database } from '../database/database.ts'
import { lockRow } from '../database/lock-row.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'

export interface Head {
  readonly size: number
  readonly root: Uint8Array
  readonly frontier: Frontier
  /** Time of the newest entry, in milliseconds since the epoch. */
  readonly lastAt: number
}

/**
 * Creates the head row of an empty log. If a log has entries but no head, it is never repaired
 * silently.
 */
export async function ensureHead(database: Database): Promise<void> {
  await database.transaction(async (tx) => {
    const row = {
      id: 1,
      size: 0,
      root: EMPTY_ROOT,
      frontier: new Uint8Array(),
      epoch: 1,
      last_at: 0,
    } as const
    const made = await tx
      .insertInto('log_head')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirst()
    if (made.numInsertedOrUpdatedRows !== 1n) return
    const entry = await tx.selectFrom('log_entry').select('index').limit(1).executeTakeFirst()
    if (entry !== undefined)
      throw ledgerError('ledger.damaged', {
        index: null,
        reason: 'there are entries, but the head row is gone',
      })
  })
}

/** Reads the current head without a lock. */
export async function readHead(query: Kysely<Tables>): Promise<Head> {
  return fromRow(
    await query.selectFrom('log_head').selectAll().where('id', '=', 1).executeTakeFirst(),
  )
}

/** Locks the head until the transaction ends. */
export async function lockHead(tx: Kysely<Tables>, dialect: Dialect): Promise<Head> {
  return fromRow(
    await lockRow(
      dialect,
      tx.selectFrom('log_head').selectAll().where('id', '=', 1),
    ).executeTakeFirst(),
  )
}

/** @throws ledger.damaged if the columns of the row contradict each other */
function fromRow(row: Tables['log_head'] | undefined): Head {
  if (row === undefined)
    throw ledgerError('ledger.damaged', { index: null, reason: 'the head row is gone' })
  const frontier = unpackFrontier(row.size, row.frontier)
  if (frontier === undefined || !sameHash(frontierRoot(frontier), row.root))
    throw ledgerError('ledger.damaged', {
      index: null,
      reason: 'size, root and frontier of the head row do not belong together',
    })
  return { size: row.size, root: new Uint8Array(row.root), frontier, lastAt: row.last_at }
}

export async function writeHead(
  tx: Kysely<Tables>,
  frontier: Frontier,
  lastAt: number,
): Promise<void> {
  await tx
    .updateTable('log_head')
    .set({
      size: frontier.size,
      root: frontierRoot(frontier),
      frontier: packFrontier(frontier),
      last_at: lastAt,
    })
    .where('id', '=', 1)
    .execute()
}
