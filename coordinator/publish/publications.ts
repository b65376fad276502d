/** The database's word on what is published where. */
import type { Kysely } from 'kysely'
import { databaseError } from '../database/errors.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables.ts'
import { publishError } from './errors.ts'

export interface TargetId {
  readonly repository: string
  readonly target: string
}

export interface CurrentPublication {
  readonly version: number
  readonly generation: number
  /** Name of the generation's folder. */
  readonly folder: string
  readonly at: number
}

export function currentPublication(
  db: Kysely<Tables>,
  { repository, target }: TargetId,
): Promise<CurrentPublication | undefined> {
  return db
    .selectFrom('publication')
    .select(['version', 'generation', 'folder', 'at'])
    .where('repository', '=', repository)
    .where('target', '=', target)
    .executeTakeFirst()
}

/**
 * Makes generation `number` the published one. The number is taken once: of two that try, one gets it.
 * @throws `publish.conflict`
 */
export async function advance(
  database: Database,
  next: TargetId & {
    number: number
    folder: string
    version: number
    also?: (tx: Kysely<Tables>) => Promise<void>
  },
): Promise<void> {
  const { repository, target, number, folder, version } = next
  try {
    await database.transaction(async (tx) => {
      const at = database.clock.now()
      await tx
        .insertInto('generation')
        .values({ repository, target, number, version, folder, at, replaced_at: null })
        .execute()
      await tx
        .updateTable('generation')
        .set({ replaced_at: at })
        .where('repository', '=', repository)
        .where('target', '=', target)
        .where('number', '<', number)
        .where('replaced_at', 'is', null)
        .execute()
      await tx
        .insertInto('publication')
        .values({ repository, target, version, generation: number, folder, at })
        .onConflict((conflict) =>
          conflict
            .columns(['repository', 'target'])
            .doUpdateSet({ version, generation: number, folder, at }),
        )
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
