/**
 * The database's record of the pool. It finds blobs by the checksums that repositories list. A row
 * may outlive its blob (a pool restored from a backup), so callers also ask the pool.
 */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { BlobRecord } from '../model/blob.ts'

/**
 * The number of values in one `in (…)`, and of rows in one insert. It is below SQLite's bound of
 * 32,766 parameters, and small enough that other statements don't wait long.
 */
export const BATCH = 500

/** Records blobs that are in the pool. Known ones stay as they are. */
export async function recordBlobs(
  db: Kysely<Tables>,
  blobs: readonly BlobRecord[],
  at: number,
): Promise<void> {
  // All callers write in one order. Otherwise two statements could wait for each other's rows.
  const sorted = [...new Map(blobs.map((blob) => [blob.id, blob])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  )
  for (const part of batches(sorted)) {
    const rows = part.map(({ id, sha256, size }) => ({ id, sha256, size, added_at: at }))
    await db
      .insertInto('blob')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }
}

/** Returns the recorded blobs that have these SHA-256 digests. */
export async function findBySha256(
  db: Kysely<Tables>,
  digests: Iterable<Sha256>,
): Promise<Map<Sha256, BlobRecord>> {
  const found = new Map<Sha256, BlobRecord>()
  for (const part of batches([...new Set(digests)])) {
    const rows = await db
      .selectFrom('blob')
      .select(['id', 'sha256', 'size'])
      .where('sha256', 'in', part)
      .execute()
    for (const row of rows) found.set(row.sha256, row)
  }
  return found
}

/** Splits `items` into parts of at most {@link BATCH}. */
export function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH)
}
