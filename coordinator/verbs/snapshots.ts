/**
 * Verbs on snapshots. A snapshot is a row first and a published tree second; each half is found or
 * made again by asking for it once more.
 */
import type { Repositories } from '../repositories/configured.ts'
import type { Publisher } from '../repositories/publish/publisher.ts'
import { snapshotError } from '../repositories/snapshots/errors.ts'
import { snapshotName } from '../repositories/snapshots/name.ts'
import type { Snapshot, Snapshots } from '../repositories/snapshots/snapshots.ts'
import { operationError } from '../operations/errors.ts'
import {
  type ActHandler,
  interrupted,
  type LoggedOperation,
  NOTHING_LATER,
  type Operation,
  type Tx,
} from '../operations/operation.ts'
import { done } from '../outcomes/result.ts'
import { type Repairs, withRepairs } from './repairs.ts'

export interface SnapshotVerbsDeps extends SnapshotDeps {
  readonly repairs: Repairs
}

export interface SnapshotDeps {
  readonly repositories: Repositories
  readonly snapshots: Snapshots
  readonly publisher: Publisher
}

/** @throws snapshot.name, snapshot.exists */
export async function requireFree(
  snapshots: Snapshots,
  repository: string,
  name: string,
): Promise<void> {
  snapshotName(name)
  if (await find(snapshots, repository, name))
    throw snapshotError('snapshot.exists', { repository, name })
}

async function find(snapshots: Snapshots, repository: string, name: string) {
  return (await snapshots.list({ repository })).find((snapshot) => snapshot.name === name)
}

/** What a snapshot is called among the things that operations touch. */
export const touchedSnapshot = (repository: string, name: string): string =>
  `snapshot/${repository}/${name}`

const touches = ({
  targets,
  arguments: { name },
}: Operation<'snapshot.create' | 'snapshot.delete'>): string[] => [
  touchedSnapshot(targets[0] as string, name),
]

export interface WantedSnapshot {
  readonly repository: string
  readonly name: string
  readonly description: string
  /** Default: the newest. */
  readonly version?: number
  readonly operation: string
  readonly signal: AbortSignal
}

/**
 * Makes a snapshot and serves it: both, or neither. @throws what the snapshots and the publisher
 * throw
 */
export async function takeSnapshot(
  deps: SnapshotDeps,
  { signal, ...wanted }: WantedSnapshot,
): Promise<Snapshot> {
  const snapshot = await deps.snapshots.create(wanted)
  // Crash here: the snapshot exists and is not served. The verb's probe serves it.
  try {
    await serve(deps, snapshot, wanted.operation, signal)
  } catch (error) {
    // A snapshot is served or isn't there: its name must be free for the next try. A snapshot that
    // was deleted meanwhile stays deleted.
    await deps.snapshots.remove(snapshot).catch((late: unknown) => {
      if (!snapshotError.is(late, 'snapshot.unknown')) throw late
    })
    // Crash here, or a link that can't be removed: rows of a target that is no snapshot. The next
    // start withdraws it.
    const also = (tx: Tx): Promise<void> => deps.snapshots.requireAbsent(tx, snapshot)
    await deps.publisher.abandon(publicationOf(deps, snapshot), { also })
    throw error
  }
  return snapshot
}

/**
 * The same where an interrupted operation may have made it already. One of another operation is not
 * taken for it.
 * @throws snapshot.exists, operation.superseded
 */
export async function finishSnapshot(
  deps: SnapshotDeps,
  wanted: WantedSnapshot,
  later?: { readonly id: string; readonly verb: string },
): Promise<Snapshot> {
  const { repository, name, operation, signal } = wanted
  const made = await find(deps.snapshots, repository, name)
  if (made !== undefined && !isBy(made, operation))
    throw snapshotError('snapshot.exists', { repository, name })
  if (later !== undefined)
    throw operationError('operation.superseded', {
      verb: 'snapshot.create',
      target: `${repository}/${name}`,
      later: later.id,
      laterVerb: later.verb,
    })
  if (made === undefined) return takeSnapshot(deps, wanted)
  await serve(deps, made, operation, signal)
  return made
}

/**
 * A snapshot of an earlier Muster names no operation. Then its name is all that there is to go by.
 */
function isBy(snapshot: Snapshot, operation: string): boolean {
  return snapshot.operation === null || snapshot.operation === operation
}

/** Lays the snapshot out, unless it was deleted meanwhile. @throws snapshot.unknown */
async function serve(
  { snapshots, ...deps }: SnapshotDeps,
  snapshot: Snapshot,
  operation: string,
  signal: AbortSignal,
): Promise<void> {
  await deps.publisher.publish({
    ...publicationOf(deps, snapshot),
    version: snapshot.version,
    signal,
    operation,
    also: (tx) => snapshots.hold(tx, snapshot),
  })
}

function publicationOf(
  { repositories }: Pick<SnapshotDeps, 'repositories'>,
  { repository, name }: { repository: string; name: string },
) {
  return { repository, target: name, path: repositories.path(repository, name) }
}

export function snapshotVerbs(deps: SnapshotVerbsDeps) {
  const { snapshots, publisher, repositories } = deps
  const repositoryOf = (operation: Operation): string =>
    repositories.get(operation.targets[0] as string).name

  const create: ActHandler<'snapshot.create'> = {
    kind: 'act',
    touches,
    check: (operation) => requireFree(snapshots, repositoryOf(operation), operation.arguments.name),
    async act(operation, { signal }) {
      const repository = operation.targets[0] as string
      const { name, description } = operation.arguments
      const snapshot = await takeSnapshot(deps, {
        repository,
        name,
        description,
        operation: operation.id,
        signal,
      })
      // A snapshot is of the newest version; where `latest` serves another one, the operator is
      // told.
      const pinned = await snapshots.pinned(repository)
      const beside =
        pinned === undefined || pinned.version === snapshot.version
          ? {}
          : { pinned: pinned.name, served: pinned.version }
      const outcome = done(repository, { snapshot: name, ...snapshotDetail(snapshot), ...beside })
      return [withRepairs(outcome, await deps.repairs.ofDamage(signal))]
    },
    async probe(operation, signal, later = NOTHING_LATER) {
      const repository = operation.targets[0] as string
      const { name } = operation.arguments
      const next = later.get(touchedSnapshot(repository, name))
      const made = await find(snapshots, repository, name)
      const mine = made !== undefined && isBy(made, operation.id)
      if (next !== undefined) {
        // It may have been made, and deleted since.
        if (!mine) return [{ ...interrupted(operation, repository, next), result: 'unknown' }]
        return [done(repository, { snapshot: name, recovered: true })]
      }
      if (!mine) return [interrupted(operation, repository)]
      await serve(deps, made, operation.id, signal)
      return [done(repository, { snapshot: name, ...snapshotDetail(made), recovered: true })]
    },
  }

  const remove: ActHandler<'snapshot.delete'> = {
    kind: 'act',
    touches,
    async check(operation) {
      const repository = repositoryOf(operation)
      const { name } = operation.arguments
      await snapshots.show({ repository, name })
      await snapshots.requireNotServed({ repository, name })
    },
    act: (operation) => withdraw(operation),
    async probe(operation, _signal, later = NOTHING_LATER) {
      const repository = operation.targets[0] as string
      const { name } = operation.arguments
      const next = later.get(touchedSnapshot(repository, name))
      const there = await find(snapshots, repository, name)
      const gone = there === undefined || (await snapshots.isMadeAfter(there, operation.index))
      // Half-done, the rows may be gone and the tree not: doing it again does the rest.
      if (next === undefined && (there === undefined || !gone)) return withdraw(operation)
      if (gone) return [done(repository, { snapshot: name, recovered: true })]
      return [interrupted(operation, repository, next)]
    },
  }
  const withdraw = async (operation: LoggedOperation<'snapshot.delete'>) => {
    const repository = operation.targets[0] as string
    const { name } = operation.arguments
    // Row, publication and generations go in one transaction; a snapshot that is served stays
    // whole.
    await publisher.withdraw(publicationOf(deps, { repository, name }), {
      also: async (tx) => void (await snapshots.drop(tx, { repository, name })),
    })
    return [done(repository, { snapshot: name })]
  }

  return { 'snapshot.create': create, 'snapshot.delete': remove }
}

function snapshotDetail({ packages, version }: Snapshot) {
  return { packages, version }
}
