/** The rows of publications. They decide what is published. */
import type { Kysely } from 'kysely'
import { databaseError } from '../../database/errors.ts'
import type { Database } from '../../database/database.ts'
import { lockRow } from '../../database/lock-row.ts'
import type { Tables } from '../../database/tables/all.ts'
import { publishError } from './errors.ts'

export interface TargetId {
  readonly repository: string
  readonly target: string
}

export interface CurrentPublication {
  readonly version: number
  readonly generation: number
  /** The location of its tree. Only its destination reads it. */
  readonly location: string
  readonly at: number
  /** The snapshot that an operator chose for `latest`; null while it follows the newest. */
  readonly pin: string | null
  /** The time since which this version is served under this pin; null if unknown. */
  readonly since: number | null
  /** The operation that chose this version or pin. */
  readonly operation: string | null
}

/** The operation that publishes, and the new pin of `latest`. */
export interface Choice {
  readonly operation?: string | undefined
  /** The name of a snapshot sets the pin, null removes it. If absent, the pin doesn't change. */
  readonly pin?: string | null | undefined
}

export function currentPublication(
  db: Kysely<Tables>,
  { repository, target }: TargetId,
): Promise<CurrentPublication | undefined> {
  return db
    .selectFrom('publication')
    .select(['version', 'generation', 'location', 'at', 'pin', 'since', 'operation'])
    .where('repository', '=', repository)
    .where('target', '=', target)
    .executeTakeFirst()
}

/** True if an operation published a generation of the target, even if it was replaced since. */
export async function publishedBy(
  db: Kysely<Tables>,
  { repository, target, operation }: TargetId & { operation: string },
): Promise<boolean> {
  const row = await db
    .selectFrom('generation')
    .select('number')
    .where('repository', '=', repository)
    .where('target', '=', target)
    .where('operation', '=', operation)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Records that an operator chose the version that is already published.
 * @throws publish.conflict if another generation was published since
 */
export async function choose(
  tx: Kysely<Tables>,
  chosen: TargetId & Choice & { generation: number; at: number },
): Promise<void> {
  const { repository, target, generation, pin = null, operation = null, at } = chosen
  const updated = await tx
    .updateTable('publication')
    .set((row) => ({
      pin,
      operation,
      since: row
        .case()
        .when('pin', pin === null ? 'is' : '=', pin)
        .then(row.ref('since'))
        .else(at)
        .end(),
    }))
    .where('repository', '=', repository)
    .where('target', '=', target)
    .where('generation', '=', generation)
    .executeTakeFirst()
  if (updated.numUpdatedRows !== 1n)
    throw publishError('publish.conflict', { repository, target, generation: generation + 1 })
}

export interface NextGeneration extends TargetId, Choice {
  readonly number: number
  readonly location: string
  readonly version: number
  /** More changes of the same transaction. */
  readonly also?: (tx: Kysely<Tables>) => Promise<void>
}

/**
 * Publishes generation `number`. Each number can be used only once. If two publishers use the same
 * one, one of them fails.
 * @throws publish.conflict
 */
export async function advance(database: Database, next: NextGeneration): Promise<void> {
  const { repository, target, number } = next
  try {
    await database.transaction(async (tx) => {
      const at = database.clock.now()
      await addGeneration(tx, next, at)
      const row = {
        version: next.version,
        generation: number,
        location: next.location,
        at,
        ...(await chosen(database, tx, next)),
      }
      await tx
        .insertInto('publication')
        .values({ repository, target, ...row })
        .onConflict((conflict) => conflict.columns(['repository', 'target']).doUpdateSet(row))
        .execute()
      await next.also?.(tx)
    })
  } catch (cause) {
    if (!databaseError.is(cause, 'database.exists')) throw cause
    throw publishError('publish.conflict', { repository, target, generation: number }, { cause })
  }
}

/** Inserts the generation, and records when it replaced the previous one. */
async function addGeneration(
  tx: Kysely<Tables>,
  { operation, ...next }: NextGeneration,
  at: number,
): Promise<void> {
  const { repository, target, number, version, location } = next
  const row = { repository, target, number, version, location, at, replaced_at: null }
  await tx
    .insertInto('generation')
    .values({ ...row, operation: operation ?? null })
    .execute()
  await tx
    .updateTable('generation')
    .set({ replaced_at: at })
    .where('repository', '=', repository)
    .where('target', '=', target)
    .where('number', '<', number)
    .where('replaced_at', 'is', null)
    .execute()
}

/** Returns the choice for the new row. A repair has no operation and keeps the old choice. */
async function chosen(
  database: Database,
  tx: Kysely<Tables>,
  next: TargetId & Choice & { version: number },
): Promise<{ pin: string | null; since: number | null; operation: string | null }> {
  const before = await lockRow(
    database.dialect,
    tx
      .selectFrom('publication')
      .select(['version', 'pin', 'since', 'operation'])
      .where('repository', '=', next.repository)
      .where('target', '=', next.target),
  ).executeTakeFirst()
  const pin = next.pin === undefined ? (before?.pin ?? null) : next.pin
  const same = before !== undefined && before.version === next.version && before.pin === pin
  return {
    pin,
    since: same ? before.since : database.clock.now(),
    operation: next.operation ?? (same ? before.operation : null),
  }
}

export async function withdraw(
  database: Database,
  { repository, target }: TargetId,
  also?: (tx: Kysely<Tables>) => Promise<void>,
): Promise<void> {
  await database.transaction(async (tx) => {
    for (const table of ['publication', 'generation'] as const) {
      await tx
        .deleteFrom(table)
        .where('repository', '=', repository)
        .where('target', '=', target)
        .execute()
    }
    await also?.(tx)
  })
}
