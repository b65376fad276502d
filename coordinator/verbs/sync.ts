/**
 * Handles `repo.sync`: mirrors an upstream, publishes the version, and takes a snapshot if the
 * operator asked for it.
 */
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { type ErrorValue, MusterError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { Database } from '../database/database.ts'
import type { Mirror, SyncResult } from '../repositories/sync/mirror.ts'
import { syncRunResult } from '../repositories/versions/status.ts'
import { publishedBy } from '../repositories/publish/publications.ts'
import type { Publisher } from '../repositories/publish/publisher.ts'
import { type Repositories, repositoryError } from '../repositories/configured.ts'
import type { Snapshots } from '../repositories/snapshots/snapshots.ts'
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
import { done, failed, type TargetResult } from '../outcomes/result.ts'
import { type Repairs, withRepairs } from './repairs.ts'
import { type Served, servedDetail, type Serving, touchedLatest } from './serving.ts'
import {
  finishSnapshot,
  requireFree,
  takeSnapshot,
  touchedSnapshot,
  type WantedSnapshot,
} from './take-snapshot.ts'
import { createReporter } from './sync-reporter.ts'

export interface SyncVerbDeps {
  readonly repositories: Repositories
  readonly mirror: Mirror
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  readonly database: Database
  readonly clock: Clock
  readonly repairs: Repairs
  readonly serving: Serving
}

type Sync = LoggedOperation<'repo.sync'>
type Synced = Exclude<SyncResult, { result: 'failed' }>

/**
 * The number of names in an outcome. The other ones are only counted, because an entry of the log
 * has at most 64 KiB.
 */
const MAX_NAMED = 100
/** The maximum length of a name with its reason. */
const MAX_NAME = 400

export function syncVerb(deps: SyncVerbDeps): ActHandler<'repo.sync'> {
  return {
    kind: 'act',
    touches,
    async check(operation) {
      const config = deps.repositories.get(targetOf(operation))
      const name = wantedName(operation)
      if (name !== undefined) await requireFree(deps.snapshots, config.name, name)
    },
    act: async (operation, context) => [await sync(deps, operation, context)],
    probe: async (operation, signal, later = NOTHING_LATER) => [
      await probe(deps, operation, { later }, signal),
    ],
  }
}

function touches(operation: Operation<'repo.sync'>): string[] {
  const repository = targetOf(operation)
  const name = wantedName(operation)
  const latest = touchedLatest(repository)
  return name === undefined ? [latest] : [latest, touchedSnapshot(repository, name)]
}

/** Returns the name of the snapshot that the operator asked for. */
function wantedName(operation: Operation<'repo.sync'>): string | undefined {
  const { createSnapshot, snapshotName } = operation.arguments
  return createSnapshot ? snapshotName : undefined
}

async function sync(
  deps: SyncVerbDeps,
  operation: Sync,
  context: OperateContext,
): Promise<TargetResult> {
  const { signal } = context
  const config = deps.repositories.get(targetOf(operation))
  const reporter = createReporter(deps, context)
  const { allowRollback, acceptShrink } = operation.arguments
  const { onEvent } = reporter
  const options = { signal, run: operation.id, onEvent, allowRollback, acceptShrink }
  const result = await deps.mirror.sync(config, options)
  if (result.result === 'failed')
    return failed(config.name, result.error, { outcome: 'failed', notes: [...result.notices] })
  if (result.result === 'incomplete' || result.version === undefined)
    return incomplete(config, result)
  reporter.phase('publishing')
  const served = await deps.serving.followed(config, operation.id, signal)
  const { version } = result
  const detail = { ...syncDetail(result), version, ...servedDetail(served) }
  const outcome = await withSnapshot(operation, { served, detail }, (name) =>
    takeSnapshot(deps, wanted(operation, { name, version }, signal)),
  )
  return withRepairs(outcome, await deps.repairs.after(config.name, served, signal))
}

async function probe(
  deps: SyncVerbDeps,
  operation: Sync,
  { later }: { later: Later },
  signal: AbortSignal,
): Promise<TargetResult> {
  const config = deps.repositories.get(targetOf(operation))
  const ended = await syncRunResult(deps.database.query, operation.id)
  const made = await versionOf(deps.database, operation)
  if (made === undefined && ended !== 'complete') {
    const error = repositoryError('repository.interrupted', { repository: config.name })
    return failed(config.name, error, { outcome: ended ?? 'failed' })
  }
  if (later.has(touchedLatest(config.name))) return overtaken(deps, operation, { made, later })
  // The version was accepted and may not be published. Publishing it again is idempotent.
  const served = await deps.serving.followed(config, operation.id, signal)
  const version = made ?? served.version
  const detail = { outcome: 'complete', recovered: true, version, ...servedDetail(served) }
  return withSnapshot(operation, { served, detail }, (name) =>
    finishSnapshot(
      deps,
      wanted(operation, { name, version }, signal),
      later.get(touchedSnapshot(config.name, name)),
    ),
  )
}

/** Returns the version that the sync made. */
async function versionOf(database: Database, { id }: Sync): Promise<number | undefined> {
  const row = await database.query
    .selectFrom('repository_version')
    .select('id')
    .where('operation', '=', id)
    .executeTakeFirst()
  return row?.id
}

/**
 * Returns the result of an interrupted sync if a later operation touched the same names. Changes
 * nothing.
 */
async function overtaken(
  { database, snapshots }: SyncVerbDeps,
  operation: Sync,
  { made, later }: { made: number | undefined; later: Later },
): Promise<TargetResult> {
  const repository = targetOf(operation)
  const name = wantedName(operation)
  const mine = (await snapshots.list({ repository })).some(
    (each) => each.name === name && each.operation === operation.id,
  )
  const publication = { repository, target: 'latest', operation: operation.id }
  const published = made === undefined || (await publishedBy(database.query, publication))
  const detail = defined({ outcome: 'complete', recovered: true, published, version: made })
  if (!published || (name !== undefined && !mine))
    return { ...interrupted(operation, repository, later.get(touchedLatest(repository))), detail }
  return done(repository, defined({ ...detail, snapshot: name }))
}

function wanted(
  operation: Sync,
  { name, version }: { name: string; version: number },
  signal: AbortSignal,
): WantedSnapshot {
  const repository = targetOf(operation)
  return { repository, name, description: '', version, operation: operation.id, signal }
}

/** Takes the snapshot and adds it to the result of the sync. If this fails, adds the error. */
async function withSnapshot(
  operation: Sync,
  { served, detail }: { served: Served; detail: Record<string, ErrorValue> },
  take: (name: string) => Promise<unknown>,
): Promise<TargetResult> {
  const repository = targetOf(operation)
  const name = wantedName(operation)
  if (name === undefined) return done(repository, detail)
  try {
    await take(name)
    return done(repository, { ...detail, snapshot: name })
  } catch (cause) {
    if (!(cause instanceof MusterError)) throw cause
    const reason = cause.message
    const about = { repository, name, served: served.version, reason }
    return failed(repository, repositoryError('repository.no-snapshot', about), detail)
  }
}

function syncDetail(result: Synced): Record<string, ErrorValue> {
  const { fetched, bytes, unchanged, removed } = result
  return {
    outcome: 'complete',
    changed: !result.upToDate,
    fetched,
    bytes,
    unchanged,
    removed,
    notes: result.notices.slice(0, MAX_NAMED),
  }
}

function incomplete(config: RepositoryConfig, result: Synced): TargetResult {
  const failures = result.failures
    .slice(0, MAX_NAMED)
    .map(({ file, reason }) => `${file}: ${reason}`.slice(0, MAX_NAME))
  const missing = result.failures.length + result.untried
  const error = repositoryError('repository.incomplete', {
    repository: config.name,
    missing,
    of: missing + result.fetched + result.unchanged,
  })
  return failed(config.name, error, { ...syncDetail(result), outcome: 'incomplete', failures })
}
