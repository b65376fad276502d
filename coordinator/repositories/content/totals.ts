/** Counts the content that the database has recorded. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables/all.ts'

export async function readTotals(
  query: Kysely<Tables>,
): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const { blobs, bytes } = await query
    .selectFrom('blob')
    .select((row) => [row.fn.countAll().as('blobs'), row.fn.sum('size').as('bytes')])
    .executeTakeFirstOrThrow()
  return { blobs: Number(blobs), bytes: Number(bytes ?? 0) }
}
