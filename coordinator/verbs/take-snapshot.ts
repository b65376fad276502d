/**
 * Makes and serves a snapshot: first the row, then the published tree. Both steps are idempotent,
 * so recovery repeats an interrupted step.
 */
import type { Repositories } from '../repositories/configured.ts'
import type { Publisher } from '../repositories/publish/publisher.ts'
import { snapshotError } from '../repositories/snapshots/errors.ts'
import { snapshotName } from '../repositories/snapshots/name.ts'
import type { Snapshot, Snapshots } from '../repositories/snapshots/snapshots.ts'
import { operationError } from '../operations/errors.ts'
import type { LaterOperation, Tx } from '../operations/operation.ts'

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
  if (await findSnapshot(snapshots, repository, name))
    throw snapshotError('snapshot.exists', { repository, name })
}

export async function findSnapshot(
  snapshots: Snapshots,
  repository: string,
  name: string,
): Promise<Snapshot | undefined> {
  return (await snapshots.list({ repository })).find((snapshot) => snapshot.name === name)
}

/** Returns the name of a snapshot, for the list of names that an operation touches (fence.ts). */
export const touchedSnapshot = (repository: string, name: string): string =>
  `snapshot/${repository}/${name}`

export interface WantedSnapshot {
  readonly repository: string
  readonly name: string
  readonly description: string
  /** Default: the newest version. */
  readonly version?: number
  readonly operation: string
  readonly signal: AbortSignal
}

/**
 * Makes a snapshot and serves it. If one step fails, neither remains. @throws snapshot.*, publish.*
 */
export async function takeSnapshot(
  deps: SnapshotDeps,
  { signal, ...wanted }: WantedSnapshot,
): Promise<Snapshot> {
  const snapshot = await deps.snapshots.create(wanted)
  // Crash here: the snapshot exists and is not served. The verb's probe serves it.
  try {
    await serveSnapshot(deps, snapshot, wanted.operation, signal)
  } catch (error) {
    // Removes a snapshot that can't be served, so that its name is free for the next attempt.
    // Another operation may already have deleted it.
    await deps.snapshots.remove(snapshot).catch((late: unknown) => {
      if (!snapshotError.is(late, 'snapshot.unknown')) throw late
    })
    // Crash here: a publication without a snapshot remains, and the next start withdraws it. The
    // same applies if the link can't be removed.
    const also = (tx: Tx): Promise<void> => deps.snapshots.requireAbsent(tx, snapshot)
    await deps.publisher.abandon(publicationOf(deps, snapshot), { also })
    throw error
  }
  return snapshot
}

/**
 * Does the same after an interruption. The operation's snapshot may already exist. A snapshot of
 * another operation is never used instead.
 * @throws snapshot.exists, operation.superseded
 */
export async function finishSnapshot(
  deps: SnapshotDeps,
  wanted: WantedSnapshot,
  later?: LaterOperation,
): Promise<Snapshot> {
  const { repository, name, operation, signal } = wanted
  const made = await findSnapshot(deps.snapshots, repository, name)
  if (made !== undefined && !isMadeBy(made, operation))
    throw snapshotError('snapshot.exists', { repository, name })
  if (later !== undefined)
    throw operationError('operation.superseded', {
      verb: 'snapshot.create',
      target: `${repository}/${name}`,
      later: later.id,
      laterVerb: later.verb,
    })
  if (made === undefined) return takeSnapshot(deps, wanted)
  await serveSnapshot(deps, made, operation, signal)
  return made
}

/**
 * True if the operation made the snapshot. Snapshots of an earlier version of Muster record no
 * operation, so they also count.
 */
export function isMadeBy(snapshot: Snapshot, operation: string): boolean {
  return snapshot.operation === null || snapshot.operation === operation
}

/** Publishes the snapshot, unless it was deleted meanwhile. @throws snapshot.unknown */
export async function serveSnapshot(
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

export function publicationOf(
  { repositories }: Pick<SnapshotDeps, 'repositories'>,
  { repository, name }: { repository: string; name: string },
) {
  return { repository, target: name, path: repositories.path(repository, name) }
}
