/** Reads and writes the rows of each host's package state. */
import type { Kysely } from 'kysely'
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import { without } from '../../shared/facts/events.ts'
import { type FactPackage, factSet } from '../../shared/facts/package-set.ts'
import { type AgentId, blobId } from '../../shared/ids.ts'
import { fromJsonText, toJsonText } from '../database/schema/json-text.ts'
import type { Tables } from '../database/tables/all.ts'

export type Tx = Kysely<Tables>

/**
 * The number of rows in an insert. Each row has at most 13 columns, so the values stay below the
 * limits of both databases (32,766 and 65,535).
 */
export const INSERTED_ROWS = 500
/**
 * The number of rows in a delete. SQLite allows 1000 terms in a condition, and each row needs 6.
 */
const DELETED_ROWS = 100

export async function readState(tx: Tx, agent: AgentId): Promise<FactState | undefined> {
  const row = await tx
    .selectFrom('fact_state')
    .selectAll()
    .where('agent', '=', agent)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const packages = await tx
    .selectFrom('fact_package')
    .select(['manager', 'name', 'arch', 'epoch', 'version', 'release'])
    .where('agent', '=', agent)
    .execute()
  return {
    epoch: row.epoch,
    sequence: row.sequence,
    root: blobId.parse(row.root),
    at: rfc3339(row.at),
    set: factSet(fromJsonText(row.os), packages),
  }
}

export async function saveState(tx: Tx, agent: AgentId, state: FactState): Promise<void> {
  const row = {
    epoch: state.epoch,
    sequence: state.sequence,
    root: state.root,
    at: parseRfc3339(state.at),
    os: toJsonText(state.set.os),
  }
  await tx
    .insertInto('fact_state')
    .values({ agent, ...row })
    .onConflict((conflict) => conflict.column('agent').doUpdateSet(row))
    .execute()
}

/** Deletes and inserts only the rows in which two sorted lists differ. */
export async function savePackages(
  tx: Tx,
  agent: AgentId,
  before: readonly FactPackage[],
  after: readonly FactPackage[],
): Promise<void> {
  for (const part of inChunks(without(before, after), DELETED_ROWS))
    await tx
      .deleteFrom('fact_package')
      .where('agent', '=', agent)
      .where((row) => row.or(part.map((pkg) => row.and({ ...pkg }))))
      .execute()
  for (const part of inChunks(without(after, before), INSERTED_ROWS))
    await tx
      .insertInto('fact_package')
      .values(part.map((pkg) => ({ agent, ...pkg })))
      .execute()
}

export function* inChunks<T>(rows: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size)
}
