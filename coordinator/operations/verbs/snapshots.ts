/** Verbs on snapshots. A snapshot is a row first and a published tree second; each half is found or made again by asking for it once more. */
import type { Repositories } from '../../repositories.ts'
import type { Publisher } from '../../publish/publisher.ts'
import { snapshotError } from '../../snapshots/errors.ts'
import { snapshotName } from '../../snapshots/name.ts'
import type { Snapshots } from '../../snapshots/snapshots.ts'
import { type ActHandler, done, type LoggedOperation } from '../operation.ts'

export interface SnapshotVerbsDeps {
  readonly repositories: Repositories
  readonly snapshots: Snapshots
  readonly publisher: Publisher
}

/** @throws snapshot.name, snapshot.exists */
export async function requireFree(snapshots: Snapshots, repository: string, name: string): Promise<void> {
  snapshotName(name)
  if (await find(snapshots, repository, name)) throw snapshotError('snapshot.exists', { repository, name })
}

async function find(snapshots: Snapshots, repository: string, name: string) {
  return (await snapshots.list({ repository })).find((snapshot) => snapshot.name === name)
}

export function snapshotVerbs(deps: SnapshotVerbsDeps) {
  const { snapshots, publisher, repositories } = deps
  const publication = (repository: string, name: string) => ({ repository, target: name, path: repositories.path(repository, name) })
  const publish = async (operation: LoggedOperation<'snapshot.create'>, version: number, signal: AbortSignal): Promise<void> => {
    const repository = operation.targets[0] as string
    await publisher.publish({ ...publication(repository, operation.arguments.name), version, signal, operation: operation.id })
  }

  const create: ActHandler<'snapshot.create'> = {
    kind: 'act',
    check: (operation) => requireFree(snapshots, repositories.get(operation.targets[0] as string).name, operation.arguments.name),
    async act(operation, { signal }) {
      const repository = operation.targets[0] as string
      const { name, description } = operation.arguments
      const snapshot = await snapshots.create({ repository, name, description })
      // Crash here: the snapshot exists and is not served. probe() publishes it.
      await publish(operation, snapshot.version, signal)
      return [done(repository, { snapshot: name, packages: snapshot.packages })]
    },
    async probe(operation, signal) {
      const repository = operation.targets[0] as string
      const made = await find(snapshots, repository, operation.arguments.name)
      if (made === undefined) return [{ target: repository, result: 'failed', detail: { recovered: true } }]
      await publish(operation, made.version, signal)
      return [done(repository, { snapshot: made.name, recovered: true })]
    },
  }

  const remove: ActHandler<'snapshot.delete'> = {
    kind: 'act',
    async check(operation) {
      await snapshots.show({ repository: repositories.get(operation.targets[0] as string).name, name: operation.arguments.name })
    },
    act: (operation) => withdraw(operation),
    // Half-done, the tree may be gone and the row not: doing it again does the rest.
    probe: (operation) => withdraw(operation),
  }
  const withdraw = async (operation: LoggedOperation<'snapshot.delete'>) => {
    const repository = operation.targets[0] as string
    const { name } = operation.arguments
    await publisher.withdraw(publication(repository, name))
    if (await find(snapshots, repository, name)) await snapshots.remove({ repository, name })
    return [done(repository, { snapshot: name })]
  }

  return { 'snapshot.create': create, 'snapshot.delete': remove }
}
