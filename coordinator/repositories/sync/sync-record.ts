/** The records of syncs in the database. `repo show` and recovery read them. */
import type { Database } from '../../database/database.ts'

export interface SyncCounts {
  /** Number of packages fetched. */
  readonly packages: number
  /** Number of bytes fetched. */
  readonly bytes: number
}

/** Opens a record. After a crash it stays open, until {@link closeOpenRecords} at the start. */
export async function openRecord(
  { query, clock }: Database,
  { id, repository }: { readonly id: string; readonly repository: string },
): Promise<void> {
  const row = {
    id,
    repository,
    started_at: clock.now(),
    finished_at: null,
    result: 'running',
    packages: 0,
    bytes: 0,
    message: null,
  } as const
  await query.insertInto('sync_run').values(row).execute()
}

/** Has no effect for a sync without a record. */
export async function closeRecord(
  { query, clock }: Database,
  id: string,
  ended: SyncCounts & {
    readonly result: 'complete' | 'incomplete' | 'failed'
    readonly message: string | null
  },
): Promise<void> {
  const { result, packages, bytes, message } = ended
  await query
    .updateTable('sync_run')
    .set({ finished_at: clock.now(), result, packages, bytes, message })
    .where('id', '=', id)
    .execute()
}

/** Marks all open records as failed. Returns their number. */
export async function closeOpenRecords({ query, clock }: Database): Promise<number> {
  const { numUpdatedRows } = await query
    .updateTable('sync_run')
    .set({
      result: 'failed',
      finished_at: clock.now(),
      message: 'the coordinator stopped while it ran',
    })
    .where('result', '=', 'running')
    .executeTakeFirst()
  return Number(numUpdatedRows)
}
