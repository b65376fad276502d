/** Verbs on snapshots. A snapshot is a row first and a published tree second; each half is found or made again by asking for it once more. */
import type { Repositories } from '../../repositories.ts'
import type { Publisher } from '../../publish/publisher.ts'
import { snapshotError } from '../../snapshots/errors.ts'
import { snapshotName } from '../../snapshots/name.ts'
import type { Snapshot, Snapshots } from '../../snapshots/snapshots.ts'
import { type ActHandler, done, type LoggedOperation } from '../operation.ts'

export interface SnapshotVerbsDeps {
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

export interface WantedSnapshot {
  readonly repository: string
  readonly name: string
  readonly description: string
  /** Default: the newest. */
  readonly version?: number
  readonly operation: string
  readonly signal: AbortSignal
}

/** Makes a snapshot and serves it: both, or neither. @throws what the snapshots and the publisher throw */
export async function takeSnapshot(
  deps: SnapshotVerbsDeps,
  { operation, signal, ...wanted }: WantedSnapshot,
): Promise<Snapshot> {
  const snapshot = await deps.snapshots.create(wanted)
  // Crash here: the snapshot exists and is not served. The verb's probe serves it.
  try {
    await serve(deps, snapshot, operation, signal)
  } catch (error) {
    // Not served it is none, and its name must be free for the next try. What the link was is told by `error`; it may stand in our way here too.
    await deps.snapshots.remove(snapshot)
    await deps.publisher.withdraw(publicationOf(deps, snapshot)).catch(() => {})
    throw error
  }
  return snapshot
}

/** The same where an interrupted operation may have made it already. */
export async function finishSnapshot(
  deps: SnapshotVerbsDeps,
  wanted: WantedSnapshot,
): Promise<Snapshot> {
  const made = await find(deps.snapshots, wanted.repository, wanted.name)
  if (made === undefined) return takeSnapshot(deps, wanted)
  await serve(deps, made, wanted.operation, wanted.signal)
  return made
}

async function serve(
  deps: SnapshotVerbsDeps,
  snapshot: Snapshot,
  operation: string,
  signal: AbortSignal,
): Promise<void> {
  await deps.publisher.publish({
    ...publicationOf(deps, snapshot),
    version: snapshot.version,
    signal,
    operation,
  })
}

function publicationOf(
  { repositories }: SnapshotVerbsDeps,
  { repository, name }: { repository: string; name: string },
) {
  return { repository, target: name, path: repositories.path(repository, name) }
}

export function snapshotVerbs(deps: SnapshotVerbsDeps) {
  const { snapshots, publisher, repositories } = deps

  const create: ActHandler<'snapshot.create'> = {
    kind: 'act',
    check: (operation) =>
      requireFree(
        snapshots,
        repositories.get(operation.targets[0] as string).name,
        operation.arguments.name,
      ),
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
      return [done(repository, { snapshot: name, packages: snapshot.packages })]
    },
    async probe(operation, signal) {
      const repository = operation.targets[0] as string
      const made = await find(snapshots, repository, operation.arguments.name)
      if (made === undefined)
        return [{ target: repository, result: 'failed', detail: { recovered: true } }]
      await serve(deps, made, operation.id, signal)
      return [done(repository, { snapshot: made.name, recovered: true })]
    },
  }

  const remove: ActHandler<'snapshot.delete'> = {
    kind: 'act',
    async check(operation) {
      await snapshots.show({
        repository: repositories.get(operation.targets[0] as string).name,
        name: operation.arguments.name,
      })
    },
    act: (operation) => withdraw(operation),
    // Half-done, the tree may be gone and the row not: doing it again does the rest.
    probe: (operation) => withdraw(operation),
  }
  const withdraw = async (operation: LoggedOperation<'snapshot.delete'>) => {
    const repository = operation.targets[0] as string
    const { name } = operation.arguments
    await publisher.withdraw(publicationOf(deps, { repository, name }))
    if (await find(snapshots, repository, name)) await snapshots.remove({ repository, name })
    return [done(repository, { snapshot: name })]
  }

  return { 'snapshot.create': create, 'snapshot.delete': remove }
}
