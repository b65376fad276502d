/**
 * Snapshots: names for repository versions. A version never changes once it is accepted, so neither does what a snapshot stands for; it
 * costs a row, not a copy. Publishing one is publish/'s.
 */
import type { Kysely } from 'kysely'
import type { Database } from '../database/database.ts'
import { databaseError } from '../database/errors.ts'
import type { Tables } from '../database/tables.ts'
import { newestVersion } from '../mirror/versions.ts'
import { snapshotError } from './errors.ts'
import { snapshotName } from './name.ts'

export interface Snapshot {
  readonly repository: string
  readonly name: string
  readonly version: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly description: string
  readonly packages: number
  /** Bytes of its packages. */
  readonly bytes: number
  readonly revision: string | null
}

/** More changes of the same transaction, such as an entry of the log. */
export type Also = (tx: Kysely<Tables>) => Promise<void>

export interface Snapshots {
  /** Of the newest version, or of `version`. @throws snapshot.name, .exists, .nothing */
  create(
    request: { repository: string; name: string; description?: string; version?: number },
    also?: Also,
  ): Promise<Snapshot>
  /** The oldest first. */
  list(filter?: { repository?: string | undefined }): Promise<Snapshot[]>
  /** @throws snapshot.unknown, .ambiguous */
  show(which: { repository?: string | undefined; name: string }): Promise<Snapshot>
  /** Forgets the name; what it stood for stays as long as something else needs it. @throws snapshot.unknown, .ambiguous */
  remove(which: { repository?: string | undefined; name: string }, also?: Also): Promise<Snapshot>
}

export function createSnapshots(deps: { database: Database }): Snapshots {
  const { database } = deps

  const show = async (which: {
    repository?: string | undefined
    name: string
  }): Promise<Snapshot> => {
    const found = await select(database.query, which)
    const [first] = found
    if (first === undefined)
      throw snapshotError('snapshot.unknown', {
        name: which.name.slice(0, 80),
        repository: which.repository ?? '',
      })
    if (found.length > 1)
      throw snapshotError('snapshot.ambiguous', {
        name: which.name,
        repositories: found.map((each) => each.repository),
      })
    return first
  }

  return {
    async create({ repository, name, description = '', version }, also) {
      snapshotName(name)
      const id = version ?? (await newestVersion(database.query, repository))?.id
      if (id === undefined) throw snapshotError('snapshot.nothing', { repository })
      try {
        await database.transaction(async (tx) => {
          await tx
            .insertInto('snapshot')
            .values({
              repository,
              name,
              version: id,
              created_at: database.clock.now(),
              description,
            })
            .execute()
          await also?.(tx)
        })
      } catch (error) {
        if (
          databaseError.is(error, 'database.exists') &&
          (await select(database.query, { repository, name })).length > 0
        )
          throw snapshotError('snapshot.exists', { repository, name }, { cause: error })
        throw error
      }
      return show({ repository, name })
    },
    list: (filter = {}) => select(database.query, filter),
    show,
    async remove(which, also) {
      const snapshot = await show(which)
      await database.transaction(async (tx) => {
        await tx
          .deleteFrom('snapshot')
          .where('repository', '=', snapshot.repository)
          .where('name', '=', snapshot.name)
          .execute()
        await also?.(tx)
      })
      return snapshot
    },
  }
}

async function select(
  db: Kysely<Tables>,
  filter: { repository?: string | undefined; name?: string },
): Promise<Snapshot[]> {
  let query = db
    .selectFrom('snapshot')
    .innerJoin('repository_version', 'repository_version.id', 'snapshot.version')
    .select([
      'snapshot.repository',
      'snapshot.name',
      'snapshot.version',
      'snapshot.created_at as createdAt',
      'snapshot.description',
      'repository_version.packages',
      'repository_version.bytes',
      'repository_version.revision',
    ])
    .orderBy('snapshot.created_at')
    .orderBy('snapshot.repository')
    .orderBy('snapshot.name')
  if (filter.repository !== undefined)
    query = query.where('snapshot.repository', '=', filter.repository)
  if (filter.name !== undefined) query = query.where('snapshot.name', '=', filter.name)
  return query.execute()
}
