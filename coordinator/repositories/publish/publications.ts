/** The database's word on what is published where. */
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
  /** Where its tree is, in the words of its destination. */
  readonly location: string
  readonly at: number
  /** The snapshot that an operator put `latest` on; null while it follows the newest. */
  readonly pin: string | null
  /** Since when this version is served under this pin; null if that isn't known. */
  readonly since: number | null
  /** The operation that chose this version or pin. */
  readonly operation: string | null
}

/** Who publishes, and what it means for the pin of `latest`. */
export interface Choice {
  readonly operation?: string | undefined
  /** A snapshot's name pins, null unpins; without it the pin stays as it is. */
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

/**
 * Whether an operation published a generation of the target, although another one may have replaced
 * it since.
 */
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
 * Notes that an operator chose what is published already.
 * @throws `publish.conflict` if another generation was published meanwhile
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

/**
 * Makes generation `number` the published one. The number is taken once: of two that try, one gets
 * it.
 * @throws `publish.conflict`
 */
export async function advance(
  database: Database,
  next: TargetId &
    Choice & {
      number: number
      location: string
      version: number
      also?: (tx: Kysely<Tables>) => Promise<void>
    },
): Promise<void> {
  const { repository, target, number, location, version } = next
  try {
    await database.transaction(async (tx) => {
      const at = database.clock.now()
      const operation = next.operation ?? null
      await tx
        .insertInto('generation')
        .values({ repository, target, number, version, location, at, replaced_at: null, operation })
        .execute()
      await tx
        .updateTable('generation')
        .set({ replaced_at: at })
        .where('repository', '=', repository)
        .where('target', '=', target)
        .where('number', '<', number)
        .where('replaced_at', 'is', null)
        .execute()
      const row = {
        version,
        generation: number,
        location,
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
  } catch (error) {
    if (databaseError.is(error, 'database.exists'))
      throw publishError(
        'publish.conflict',
        { repository, target, generation: number },
        { cause: error },
      )
    throw error
  }
}

/** The choice that the new row records. A repair, which names no operation, keeps all of it. */
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
