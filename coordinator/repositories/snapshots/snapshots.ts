/**
 * Snapshots: names for repository versions. A version never changes once it is accepted, so neither
 * does what a snapshot stands for; it costs a row, not a copy. Publishing one is publish/'s.
 */
import type { Kysely } from 'kysely'
import type { Dialect } from '../../database/schema/columns.ts'
import type { Database } from '../../database/database.ts'
import { databaseError } from '../../database/errors.ts'
import { lockRow } from '../../database/lock-row.ts'
import type { Tables } from '../../database/tables/all.ts'
import { newestVersion } from '../versions/versions.ts'
import { pinOf } from '../publish/pins.ts'
import { currentPublication } from '../publish/publications.ts'
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
  /** The operation that made it; null for one of an earlier Muster. */
  readonly operation: string | null
}

/** More changes of the same transaction, such as an entry of the log. */
export type Also = (tx: Kysely<Tables>) => Promise<void>

export interface Snapshots {
  /** Of the newest version, or of `version`. @throws snapshot.name, .exists, .nothing */
  create(
    request: {
      repository: string
      name: string
      description?: string
      version?: number
      operation?: string
    },
    also?: Also,
  ): Promise<Snapshot>
  /** The oldest first. */
  list(filter?: { repository?: string | undefined }): Promise<Snapshot[]>
  /** @throws snapshot.unknown, .ambiguous */
  show(which: { repository?: string | undefined; name: string }): Promise<Snapshot>
  /**
   * Forgets the name; what it stood for stays as long as something else needs it.
   * @throws snapshot.unknown, .ambiguous, .served
   */
  remove(which: { repository?: string | undefined; name: string }, also?: Also): Promise<Snapshot>
  /**
   * The same in the caller's transaction; with `madeBy` only a snapshot of that operation. False if
   * there is none.
   * @throws snapshot.served
   */
  drop(
    tx: Kysely<Tables>,
    which: { repository: string; name: string; madeBy?: string },
  ): Promise<boolean>
  /** The snapshot that an operator put `latest` on. */
  pinned(repository: string): Promise<{ name: string; version: number } | undefined>
  /** @throws snapshot.served if an operator put `latest` on it */
  requireNotServed(which: { repository: string; name: string }): Promise<void>
  /** In the caller's transaction. @throws snapshot.exists */
  requireAbsent(tx: Kysely<Tables>, which: { repository: string; name: string }): Promise<void>
  /**
   * Whether the snapshot was made after entry `index` of the log: the operation there meant another
   * one of this name.
   */
  isMadeAfter(snapshot: Snapshot, index: number): Promise<boolean>
  /** Holds a snapshot of this version to the end of the transaction. @throws snapshot.unknown */
  hold(
    tx: Kysely<Tables>,
    which: { repository: string; name: string; version: number },
  ): Promise<void>
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
    async create({ repository, name, description = '', version, operation }, also) {
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
              operation: operation ?? null,
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
    drop,
    async pinned(repository) {
      const current = await currentPublication(database.query, { repository, target: 'latest' })
      if (current === undefined || current.pin === null) return undefined
      return { name: current.pin, version: current.version }
    },
    requireNotServed: (which) => requireNotServed(database.query, which),
    isMadeAfter: (snapshot, index) => isMadeAfter(database.query, snapshot, index),
    async requireAbsent(tx, { repository, name }) {
      if ((await select(tx, { repository, name })).length > 0)
        throw snapshotError('snapshot.exists', { repository, name })
    },
    hold: (tx, which) => hold(tx, database.dialect, which),
    async remove(which, also) {
      const snapshot = await show(which)
      await database.transaction(async (tx) => {
        const { operation } = snapshot
        await drop(tx, { ...snapshot, ...(operation === null ? {} : { madeBy: operation }) })
        await also?.(tx)
      })
      return snapshot
    },
  }
}

/**
 * The row goes first: whoever puts `latest` on it holds it (require), so one of the two sees what
 * the other did.
 */
async function drop(
  tx: Kysely<Tables>,
  which: { repository: string; name: string; madeBy?: string },
): Promise<boolean> {
  const { repository, name, madeBy } = which
  let deletion = tx
    .deleteFrom('snapshot')
    .where('repository', '=', repository)
    .where('name', '=', name)
  if (madeBy !== undefined) deletion = deletion.where('operation', '=', madeBy)
  const { numDeletedRows } = await deletion.executeTakeFirst()
  if (numDeletedRows === 0n) return false
  await requireNotServed(tx, which)
  return true
}

async function isMadeAfter(
  db: Kysely<Tables>,
  { operation, createdAt }: Snapshot,
  index: number,
): Promise<boolean> {
  const entryOf = db.selectFrom('log_entry').select(['index', 'at']).orderBy('index').limit(1)
  const meant = await entryOf.where('index', '=', index).executeTakeFirst()
  if (meant === undefined) return false
  const making =
    operation === null
      ? undefined
      : await entryOf.where('operation', '=', operation).executeTakeFirst()
  // A long sync may make its snapshot after an operation that was begun later: then the time says
  // it.
  return createdAt > meant.at || (making !== undefined && making.index > index)
}

async function requireNotServed(
  db: Kysely<Tables>,
  { repository, name }: { repository: string; name: string },
): Promise<void> {
  if ((await pinOf(db, repository)) === name)
    throw snapshotError('snapshot.served', { repository, name })
}

async function hold(
  tx: Kysely<Tables>,
  dialect: Dialect,
  which: { repository: string; name: string; version: number },
): Promise<void> {
  const { repository, name, version } = which
  const row = await lockRow(
    dialect,
    tx
      .selectFrom('snapshot')
      .select('version')
      .where('repository', '=', repository)
      .where('name', '=', name),
  ).executeTakeFirst()
  if (row?.version !== version) throw snapshotError('snapshot.unknown', { repository, name })
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
      'snapshot.operation',
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
