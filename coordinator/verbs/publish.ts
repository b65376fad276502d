/**
 * Handles `repo.publish`: `latest` then serves a snapshot, or the newest version and each later
 * one.
 */
import type { Database } from '../database/database.ts'
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
import { type Repositories, repositoryError } from '../repositories/configured.ts'
import { currentPublication, publishedBy } from '../repositories/publish/publications.ts'
import type { Snapshots } from '../repositories/snapshots/snapshots.ts'
import { newestVersion } from '../repositories/versions/versions.ts'
import { type Repairs, withRepairs } from './repairs.ts'
import { type Served, servedDetail, type Serving, touchedLatest } from './serving.ts'
import { touchedSnapshot } from './take-snapshot.ts'

export interface PublishVerbDeps {
  readonly repositories: Repositories
  readonly snapshots: Snapshots
  readonly database: Database
  readonly repairs: Repairs
  readonly serving: Serving
}

type Publish = LoggedOperation<'repo.publish'>

export function publishVerb(deps: PublishVerbDeps): ActHandler<'repo.publish'> {
  return {
    kind: 'act',
    touches,
    check: (operation) => check(deps, operation),
    act: async (operation, context) => [await publish(deps, operation, context)],
    probe: async (operation, signal, later = NOTHING_LATER) => [
      await probe(deps, operation, { later }, signal),
    ],
  }
}

function touches(operation: Operation<'repo.publish'>): string[] {
  const repository = targetOf(operation)
  const { snapshot } = operation.arguments
  const latest = touchedLatest(repository)
  return snapshot === undefined ? [latest] : [latest, touchedSnapshot(repository, snapshot)]
}

/** @throws repository.unknown, snapshot.unknown, repository.never-synced */
async function check(deps: PublishVerbDeps, operation: Operation<'repo.publish'>): Promise<void> {
  const { name: repository } = deps.repositories.get(targetOf(operation))
  const { snapshot } = operation.arguments
  if (snapshot !== undefined) await deps.snapshots.show({ repository, name: snapshot })
  else if ((await newestVersion(deps.database.query, repository)) === undefined)
    throw repositoryError('repository.never-synced', { repository })
}

async function publish(
  deps: PublishVerbDeps,
  operation: Publish,
  { signal }: OperateContext,
): Promise<TargetResult> {
  const served = await serve(deps, operation, signal)
  const repository = targetOf(operation)
  const repairs = await deps.repairs.after(repository, served, signal)
  return withRepairs(done(repository, servedDetail(served)), repairs)
}

async function probe(
  deps: PublishVerbDeps,
  operation: Publish,
  { later }: { later: Later },
  signal: AbortSignal,
): Promise<TargetResult> {
  const { query } = deps.database
  const repository = targetOf(operation)
  const latest = { repository, target: 'latest' }
  const next = later.get(touchedLatest(repository))
  if (next !== undefined) {
    if (await publishedBy(query, { ...latest, operation: operation.id }))
      return done(repository, { recovered: true })
    // If the version was served before, the operation created no generation. So it is unknown
    // whether it was done.
    return { ...interrupted(operation, repository, next), result: 'unknown' }
  }
  const current = await currentPublication(query, latest)
  if (current?.operation !== operation.id) return interrupted(operation, repository)
  // The row exists, and the link may not exist. Publishing again is idempotent.
  const served = await serve(deps, operation, signal)
  return done(repository, { ...servedDetail(served), recovered: true })
}

function serve(deps: PublishVerbDeps, operation: Publish, signal: AbortSignal): Promise<Served> {
  const { snapshot } = operation.arguments
  const config = deps.repositories.get(targetOf(operation))
  return snapshot === undefined
    ? deps.serving.newest(config, operation.id, signal)
    : deps.serving.snapshot(config, snapshot, operation.id, signal)
}
