/** Handles the verbs on snapshots. */
import { defined } from '../../shared/defined.ts'
import {
  type ActHandler,
  interrupted,
  type Later,
  type LoggedOperation,
  NOTHING_LATER,
  type OperateContext,
  type Operation,
  targetOf,
} from '../operations/operation.ts'
import { done, type TargetResult } from '../outcomes/result.ts'
import type { Snapshot } from '../repositories/snapshots/snapshots.ts'
import { type Repairs, withRepairs } from './repairs.ts'
import {
  findSnapshot,
  isMadeBy,
  publicationOf,
  requireFree,
  serveSnapshot,
  type SnapshotDeps,
  takeSnapshot,
  touchedSnapshot,
} from './take-snapshot.ts'

export interface SnapshotVerbsDeps extends SnapshotDeps {
  readonly repairs: Repairs
}

type Create = LoggedOperation<'snapshot.create'>
type Delete = LoggedOperation<'snapshot.delete'>

export function snapshotVerbs(deps: SnapshotVerbsDeps) {
  return { 'snapshot.create': createVerb(deps), 'snapshot.delete': deleteVerb(deps) }
}

const touches = (operation: Operation<'snapshot.create' | 'snapshot.delete'>): string[] => [
  touchedSnapshot(targetOf(operation), operation.arguments.name),
]

function createVerb(deps: SnapshotVerbsDeps): ActHandler<'snapshot.create'> {
  return {
    kind: 'act',
    touches,
    check: (operation) =>
      requireFree(
        deps.snapshots,
        deps.repositories.get(targetOf(operation)).name,
        operation.arguments.name,
      ),
    act: async (operation, context) => [await create(deps, operation, context)],
    probe: async (operation, signal, later = NOTHING_LATER) => [
      await probeCreate(deps, operation, { later }, signal),
    ],
  }
}

async function create(
  deps: SnapshotVerbsDeps,
  operation: Create,
  { signal }: OperateContext,
): Promise<TargetResult> {
  const repository = targetOf(operation)
  const { name, description } = operation.arguments
  const wanted = { repository, name, description, operation: operation.id, signal }
  const snapshot = await takeSnapshot(deps, wanted)
  // The snapshot has the newest version. If an operator chose another version for `latest`, the
  // outcome names that version.
  const pinned = await deps.snapshots.pinned(repository)
  const other = pinned?.version === snapshot.version ? undefined : pinned
  const detail = defined({ pinned: other?.name, served: other?.version })
  const outcome = done(repository, { snapshot: name, ...snapshotDetail(snapshot), ...detail })
  return withRepairs(outcome, await deps.repairs.ofDamage(signal))
}

async function probeCreate(
  deps: SnapshotVerbsDeps,
  operation: Create,
  { later }: { later: Later },
  signal: AbortSignal,
): Promise<TargetResult> {
  const repository = targetOf(operation)
  const { name } = operation.arguments
  const next = later.get(touchedSnapshot(repository, name))
  const made = await findSnapshot(deps.snapshots, repository, name)
  const mine = made !== undefined && isMadeBy(made, operation.id)
  if (next !== undefined)
    return mine
      ? done(repository, { snapshot: name, recovered: true })
      : // The snapshot may have been made and then deleted.
        { ...interrupted(operation, repository, next), result: 'unknown' }
  if (!mine) return interrupted(operation, repository)
  await serveSnapshot(deps, made, operation.id, signal)
  return done(repository, { snapshot: name, ...snapshotDetail(made), recovered: true })
}

function deleteVerb(deps: SnapshotVerbsDeps): ActHandler<'snapshot.delete'> {
  return {
    kind: 'act',
    touches,
    async check(operation) {
      const repository = deps.repositories.get(targetOf(operation)).name
      const { name } = operation.arguments
      await deps.snapshots.show({ repository, name })
      await deps.snapshots.requireNotServed({ repository, name })
    },
    act: async (operation) => [await remove(deps, operation)],
    probe: async (operation, _signal, later = NOTHING_LATER) => [
      await probeDelete(deps, operation, later),
    ],
  }
}

/**
 * Removes the row, the publication and the generations in one transaction. A snapshot that `latest`
 * serves stays.
 */
async function remove(deps: SnapshotVerbsDeps, operation: Delete): Promise<TargetResult> {
  const repository = targetOf(operation)
  const { name } = operation.arguments
  await deps.publisher.withdraw(publicationOf(deps, { repository, name }), {
    also: async (tx) => void (await deps.snapshots.drop(tx, { repository, name })),
  })
  return done(repository, { snapshot: name })
}

async function probeDelete(
  deps: SnapshotVerbsDeps,
  operation: Delete,
  later: Later,
): Promise<TargetResult> {
  const { snapshots } = deps
  const repository = targetOf(operation)
  const { name } = operation.arguments
  const next = later.get(touchedSnapshot(repository, name))
  const found = await findSnapshot(snapshots, repository, name)
  const gone = found === undefined || (await snapshots.isMadeAfter(found, operation.index))
  // An interrupted deletion may have removed the rows and not the tree. So the deletion is
  // repeated.
  if (next === undefined && (found === undefined || !gone)) return remove(deps, operation)
  if (gone) return done(repository, { snapshot: name, recovered: true })
  return interrupted(operation, repository, next)
}

const snapshotDetail = ({ packages, version }: Snapshot) => ({ packages, version })
