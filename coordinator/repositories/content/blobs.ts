/**
 * The database's record of what is in the pool: the index from the checksums that repositories name
 * to blob ids. A row may outlive its blob (a pool restored from a backup), so whoever is about to
 * rely on one asks the pool as well.
 */
import type { Kysely } from 'kysely'
import type { BlobId, Sha256 } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { BlobRecord } from '../model/blob.ts'

/**
 * Values in one `in (…)`, and rows in one insert: below SQLite's bound of 32,766 parameters, and
 * few enough not to hold others up.
 */
export const BATCH = 500

/** Records blobs that are in the pool. Known ones stay as they are. */
export async function recordBlobs(
  db: Kysely<Tables>,
  blobs: readonly BlobRecord[],
  at: number,
): Promise<void> {
  // One order for all: two statements that each hold a row which the other one waits for deadlock.
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

/** Recorded blobs with these SHA-256 digests. */
export async function findBySha256(
  db: Kysely<Tables>,
  digests: Iterable<string>,
): Promise<Map<string, BlobRecord>> {
  const found = new Map<string, BlobRecord>()
  for (const part of batches([...new Set(digests)])) {
    const rows = await db
      .selectFrom('blob')
      .select(['id', 'sha256', 'size'])
      .where('sha256', 'in', part)
      .execute()
    for (const row of rows)
      found.set(row.sha256, { id: row.id as BlobId, sha256: row.sha256 as Sha256, size: row.size })
  }
  return found
}

/** `items` in runs of at most {@link BATCH}. */
export function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH)
}
