/** Reads the log's rows in pages. Each row is checked against its own hash and its index. */
import { TILE_WIDTH } from '../../shared/audit/tile.ts'
import { leafHash, sameHash } from '../../shared/audit/tree.ts'
import type { Kysely } from 'kysely'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'

export interface EntryRow {
  readonly index: number
  readonly bytes: Uint8Array
  /** Computed from `bytes`, and equal to the stored hash. */
  readonly hash: Uint8Array
}

/** Entries in a page. One page is one bundle: at most 16 MiB, usually a few hundred KiB. */
export const PAGE = TILE_WIDTH

/**
 * Reads entries `from` to `to` (exclusive), at most {@link PAGE} of them.
 * @throws ledger.damaged with the index of the first row that is missing or has another hash
 */
export async function readRows(
  query: Kysely<Tables>,
  from: number,
  to: number,
): Promise<EntryRow[]> {
  const rows = await query
    .selectFrom('log_entry')
    .select(['index', 'bytes', 'leaf_hash'])
    .where('index', '>=', from)
    .where('index', '<', Math.min(to, from + PAGE))
    .orderBy('index')
    .execute()
  return Array.from({ length: Math.max(0, Math.min(to - from, PAGE)) }, (_, position) =>
    checkRow(rows[position], from + position),
  )
}

/** Reads one entry. @throws ledger.damaged */
export async function readRow(query: Kysely<Tables>, index: number): Promise<EntryRow> {
  const row = await query
    .selectFrom('log_entry')
    .select(['index', 'bytes', 'leaf_hash'])
    .where('index', '=', index)
    .executeTakeFirst()
  return checkRow(row, index)
}

function checkRow(
  row: Pick<Tables['log_entry'], 'index' | 'bytes' | 'leaf_hash'> | undefined,
  index: number,
): EntryRow {
  if (row === undefined || row.index !== index)
    throw ledgerError('ledger.damaged', { index, reason: 'its row is missing' })
  const hash = leafHash(row.bytes)
  if (!sameHash(hash, row.leaf_hash))
    throw ledgerError('ledger.damaged', {
      index,
      reason: 'its bytes do not have the hash that was stored with them',
    })
  return { index, bytes: row.bytes, hash }
}
