/**
 * Snapshots: names for repository versions. A version never changes, so a snapshot is one row and
 * not a copy. publish/ publishes snapshots.
 */
import type { Kysely } from 'kysely'
import { defined } from '../../../shared/defined.ts'
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
  /** The operation that made it; null if an earlier version of Muster made it. */
  readonly operation: string | null
}

/** More changes of the same transaction, such as an entry of the log. */
export type Also = (tx: Kysely<Tables>) => Promise<void>

export interface SnapshotId {
  readonly repository: string
  readonly name: string
}

/** A name of a snapshot. Without `repository`, it may match snapshots of several repositories. */
export interface SnapshotQuery {
  readonly repository?: string | undefined
  readonly name: string
}

export interface NewSnapshot extends SnapshotId {
  readonly description?: string
  /** Default: the newest version. */
  readonly version?: number
  readonly operation?: string
}

export interface Snapshots {
  /** @throws snapshot.name, .exists, .nothing */
  create(request: NewSnapshot, also?: Also): Promise<Snapshot>
  /** Lists snapshots, the oldest first. */
  list(filter?: { repository?: string | undefined }): Promise<Snapshot[]>
  /** @throws snapshot.unknown, .ambiguous */
  show(which: SnapshotQuery): Promise<Snapshot>
  /**
   * Removes the name. The version stays.
   * @throws snapshot.unknown, .ambiguous, .served
   */
  remove(which: SnapshotQuery, also?: Also): Promise<Snapshot>
  /**
   * Removes a snapshot in the caller's transaction. With `madeBy`, removes it only if that
   * operation made it. Returns false if there is no such snapshot.
   * @throws snapshot.served
   */
  drop(tx: Kysely<Tables>, which: SnapshotId & { madeBy?: string }): Promise<boolean>
  /** Returns the snapshot that an operator chose for `latest`. */
  pinned(repository: string): Promise<{ name: string; version: number } | undefined>
  /** @throws snapshot.served if an operator chose it for `latest` */
  requireNotServed(which: SnapshotId): Promise<void>
  /** Fails if the name is used. Call it in the creating transaction. @throws snapshot.exists */
  requireAbsent(tx: Kysely<Tables>, which: SnapshotId): Promise<void>
  /**
   * True if the snapshot was made after entry `index` of the log. Then the operation of that entry
   * used an earlier snapshot with this name.
   */
  isMadeAfter(snapshot: Snapshot, index: number): Promise<boolean>
  /** Locks a snapshot of this version until the transaction ends. @throws snapshot.unknown */
  hold(tx: Kysely<Tables>, which: SnapshotId & { version: number }): Promise<void>
}

export function createSnapshots({ database }: { database: Database }): Snapshots {
  const { query, dialect } = database
  return {
    create: (request, also) => create(database, request, also),
    list: (filter = {}) => select(query, filter),
    show: (which) => show(query, which),
    drop,
    async pinned(repository) {
      const current = await currentPublication(query, { repository, target: 'latest' })
      if (current === undefined || current.pin === null) return undefined
      return { name: current.pin, version: current.version }
    },
    requireNotServed: (which) => requireNotServed(query, which),
    isMadeAfter: (snapshot, index) => isMadeAfter(query, snapshot, index),
    async requireAbsent(tx, { repository, name }) {
      if ((await select(tx, { repository, name })).length > 0)
        throw snapshotError('snapshot.exists', { repository, name })
    },
    hold: (tx, which) => hold(tx, dialect, which),
    async remove(which, also) {
      const snapshot = await show(query, which)
      const { repository, name, operation } = snapshot
      await database.transaction(async (tx) => {
        await drop(tx, { repository, name, ...defined({ madeBy: operation ?? undefined }) })
        await also?.(tx)
      })
      return snapshot
    },
  }
}

async function create(database: Database, request: NewSnapshot, also?: Also): Promise<Snapshot> {
  const { repository, name, description = '', operation = null } = request
  snapshotName(name)
  const version = request.version ?? (await newestVersion(database.query, repository))?.id
  if (version === undefined) throw snapshotError('snapshot.nothing', { repository })
  const row = { repository, name, version, description, operation }
  try {
    await database.transaction(async (tx) => {
      await tx
        .insertInto('snapshot')
        .values({ ...row, created_at: database.clock.now() })
        .execute()
      await also?.(tx)
    })
  } catch (error) {
    // An insert by the caller may fail with the same error.
    const exists =
      databaseError.is(error, 'database.exists') &&
      (await select(database.query, { repository, name })).length > 0
    if (exists) throw snapshotError('snapshot.exists', { repository, name }, { cause: error })
    throw error
  }
  return show(database.query, { repository, name })
}

async function show(db: Kysely<Tables>, which: SnapshotQuery): Promise<Snapshot> {
  const found = await select(db, which)
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

/**
 * Deletes the row before it checks whether the snapshot is served. A transaction that chooses the
 * snapshot for `latest` locks the row ({@link hold}). So the second of the two sees the change of
 * the first.
 */
async function drop(tx: Kysely<Tables>, which: SnapshotId & { madeBy?: string }): Promise<boolean> {
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
  const entry = await entryOf.where('index', '=', index).executeTakeFirst()
  if (entry === undefined) return false
  const making =
    operation === null
      ? undefined
      : await entryOf.where('operation', '=', operation).executeTakeFirst()
  // A long sync may make its snapshot after an operation that started later. So the time decides.
  return createdAt > entry.at || (making !== undefined && making.index > index)
}

async function requireNotServed(
  db: Kysely<Tables>,
  { repository, name }: SnapshotId,
): Promise<void> {
  if ((await pinOf(db, repository)) === name)
    throw snapshotError('snapshot.served', { repository, name })
}

async function hold(
  tx: Kysely<Tables>,
  dialect: Dialect,
  which: SnapshotId & { version: number },
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
