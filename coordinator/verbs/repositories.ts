/**
 * Verbs on repositories: sync and publish. Both act outside of the database, and both can be asked
 * what became of them.
 */
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { type ErrorValue, MusterError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Database } from '../database/database.ts'
import type { Mirror, SyncResult } from '../repositories/sync/mirror.ts'
import { syncRunResult } from '../repositories/versions/status.ts'
import { newestVersion } from '../repositories/versions/versions.ts'
import { currentPublication, publishedBy } from '../repositories/publish/publications.ts'
import type { Publisher } from '../repositories/publish/publisher.ts'
import { type Repositories, repositoryError } from '../repositories/configured.ts'
import type { Snapshots } from '../repositories/snapshots/snapshots.ts'
import {
  type ActHandler,
  interrupted,
  type Later,
  type LoggedOperation,
  NOTHING_LATER,
  type Operation,
} from '../operations/operation.ts'
import { done, type TargetResult } from '../outcomes/result.ts'
import { type Repairs, withRepairs } from './repairs.ts'
import { createServing, type Served, servedDetail } from './serving.ts'
import { finishSnapshot, requireFree, takeSnapshot, touchedSnapshot } from './snapshots.ts'
import { createReporter } from './sync-reporter.ts'

export interface RepositoryVerbsDeps {
  readonly repositories: Repositories
  readonly mirror: Mirror
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  readonly database: Database
  readonly clock: Clock
  readonly repairs: Repairs
}

/** Names in one outcome: an entry of the log is at most 64 KiB. The rest is counted. */
const MAX_NAMED = 100

/** What `latest` of a repository is called among the things that operations touch. */
const touchedLatest = (repository: string): string => `latest/${repository}`

const repositoryOf = (operation: Pick<Operation, 'targets'>): string =>
  operation.targets[0] as string

export function repositoryVerbs(deps: RepositoryVerbsDeps) {
  const serving = createServing(deps)
  const targetOf = (operation: Pick<Operation, 'targets'>): RepositoryConfig =>
    deps.repositories.get(repositoryOf(operation))

  const sync: ActHandler<'repo.sync'> = {
    kind: 'act',
    touches(operation) {
      const repository = repositoryOf(operation)
      const name = wantedSnapshot(operation)
      return [
        touchedLatest(repository),
        ...(name === undefined ? [] : [touchedSnapshot(repository, name)]),
      ]
    },
    async check(operation) {
      const config = targetOf(operation)
      const name = wantedSnapshot(operation)
      if (name !== undefined) await requireFree(deps.snapshots, config.name, name)
    },
    async act(operation, context) {
      const config = targetOf(operation)
      const reporter = createReporter(deps, context)
      const { allowRollback, acceptShrink } = operation.arguments
      const result = await deps.mirror.sync(config, {
        signal: context.signal,
        run: operation.id,
        onEvent: reporter.onEvent,
        allowRollback,
        acceptShrink,
      })
      if (result.result === 'failed') {
        const { code, data } = result.error
        return [
          {
            target: config.name,
            result: 'failed',
            detail: { outcome: 'failed', notes: [...result.notices] },
            error: { code, data },
          },
        ]
      }
      if (result.result === 'incomplete' || result.version === undefined)
        return [incomplete(config, result)]
      reporter.phase('publishing')
      const served = await serving.followed(config, operation.id, context.signal)
      const { version } = result
      const detail = { ...syncDetail(result), version, ...servedDetail(served) }
      const outcome = await withSnapshot(operation, served, detail, (name) =>
        takeSnapshot(deps, wanted(operation, name, version, context.signal)),
      )
      return [withRepairs(outcome, await deps.repairs.after(config.name, served, context.signal))]
    },
    async probe(operation, signal, later = NOTHING_LATER) {
      const config = targetOf(operation)
      const ended = await syncRunResult(deps.database.query, operation.id)
      const made = await deps.database.query
        .selectFrom('repository_version')
        .select('id')
        .where('operation', '=', operation.id)
        .executeTakeFirst()
      if (made === undefined && ended !== 'complete') {
        const error = repositoryError('repository.interrupted', { repository: config.name })
        return [
          {
            target: config.name,
            result: 'failed',
            detail: { outcome: ended ?? 'failed' },
            error: { code: error.code, data: error.data },
          },
        ]
      }
      if (later.has(touchedLatest(config.name)))
        return [await overtaken(operation, made?.id, later)]
      // The version was accepted; publishing it is idempotent, and leaving it unpublished would be
      // a half-done sync.
      const served = await serving.followed(config, operation.id, signal)
      const version = made?.id ?? served.version
      const detail = { outcome: 'complete', recovered: true, version, ...servedDetail(served) }
      return [
        await withSnapshot(operation, served, detail, (name) =>
          finishSnapshot(
            deps,
            wanted(operation, name, version, signal),
            later.get(touchedSnapshot(config.name, name)),
          ),
        ),
      ]
    },
  }

  /**
   * A sync that a later operation came after: what it reached by then is looked up, and nothing is
   * changed.
   */
  const overtaken = async (
    operation: LoggedOperation<'repo.sync'>,
    version: number | undefined,
    later: Later,
  ): Promise<TargetResult> => {
    const { database, snapshots } = deps
    const repository = repositoryOf(operation)
    const name = wantedSnapshot(operation)
    const mine = (await snapshots.list({ repository })).some(
      (each) => each.name === name && each.operation === operation.id,
    )
    const of = { repository, target: 'latest', operation: operation.id }
    const published = version === undefined || (await publishedBy(database.query, of))
    const detail = {
      outcome: 'complete',
      recovered: true,
      published,
      ...(version === undefined ? {} : { version }),
    }
    if (!published || (name !== undefined && !mine))
      return {
        ...interrupted(operation, repository, later.get(touchedLatest(repository))),
        detail,
      }
    return done(repository, { ...detail, ...(name === undefined ? {} : { snapshot: name }) })
  }

  const wanted = (
    operation: LoggedOperation<'repo.sync'>,
    name: string,
    version: number,
    signal: AbortSignal,
  ) => ({
    repository: repositoryOf(operation),
    name,
    description: '',
    version,
    operation: operation.id,
    signal,
  })

  const publish: ActHandler<'repo.publish'> = {
    kind: 'act',
    touches(operation) {
      const repository = repositoryOf(operation)
      const { snapshot } = operation.arguments
      return [
        touchedLatest(repository),
        ...(snapshot === undefined ? [] : [touchedSnapshot(repository, snapshot)]),
      ]
    },
    async check(operation) {
      const { name: repository } = targetOf(operation)
      const { snapshot } = operation.arguments
      if (snapshot !== undefined) await deps.snapshots.show({ repository, name: snapshot })
      else if ((await newestVersion(deps.database.query, repository)) === undefined)
        throw repositoryError('repository.never-synced', { repository })
    },
    async act(operation, context) {
      const served = await serve(operation, context.signal)
      const repository = repositoryOf(operation)
      const repairs = await deps.repairs.after(repository, served, context.signal)
      return [withRepairs(done(repository, servedDetail(served)), repairs)]
    },
    async probe(operation, signal, later = NOTHING_LATER) {
      const repository = repositoryOf(operation)
      const target = { repository, target: 'latest' }
      const next = later.get(touchedLatest(repository))
      if (next !== undefined) {
        const of = { ...target, operation: operation.id }
        if (await publishedBy(deps.database.query, of))
          return [done(repository, { recovered: true })]
        // Where its version was served already it left no generation of its own: both are possible.
        return [{ ...interrupted(operation, repository, next), result: 'unknown' }]
      }
      const current = await currentPublication(deps.database.query, target)
      if (current?.operation !== operation.id) return [interrupted(operation, repository)]
      // Its row is there; the link may not be. Publishing again is idempotent.
      const served = await serve(operation, signal)
      return [done(repository, { ...servedDetail(served), recovered: true })]
    },
  }

  const serve = (
    operation: LoggedOperation<'repo.publish'>,
    signal: AbortSignal,
  ): Promise<Served> => {
    const { snapshot } = operation.arguments
    const config = targetOf(operation)
    return snapshot === undefined
      ? serving.newest(config, operation.id, signal)
      : serving.snapshot(config, snapshot, operation.id, signal)
  }

  return { 'repo.sync': sync, 'repo.publish': publish }
}

/**
 * The result of a sync that is served, with the snapshot that was asked for: both, or an error that
 * says what is missing.
 */
async function withSnapshot(
  operation: LoggedOperation<'repo.sync'>,
  served: Served,
  detail: Record<string, ErrorValue>,
  take: (name: string) => Promise<unknown>,
): Promise<TargetResult> {
  const repository = repositoryOf(operation)
  const name = wantedSnapshot(operation)
  if (name === undefined) return done(repository, detail)
  try {
    await take(name)
    return done(repository, { ...detail, snapshot: name })
  } catch (cause) {
    if (!(cause instanceof MusterError)) throw cause
    const { code, data } = repositoryError('repository.no-snapshot', {
      repository,
      name,
      served: served.version,
      reason: cause.message,
    })
    return { target: repository, result: 'failed', detail, error: { code, data } }
  }
}

function wantedSnapshot(operation: Operation<'repo.sync'>): string | undefined {
  const { createSnapshot, snapshotName } = operation.arguments
  return createSnapshot ? snapshotName : undefined
}

type Synced = Exclude<SyncResult, { result: 'failed' }>

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
    .map(({ file, reason }) => `${file}: ${reason}`.slice(0, 400))
  const missing = result.failures.length + result.untried
  const error = repositoryError('repository.incomplete', {
    repository: config.name,
    missing,
    of: missing + result.fetched + result.unchanged,
  })
  return {
    target: config.name,
    result: 'failed',
    detail: { ...syncDetail(result), outcome: 'incomplete', failures },
    error: { code: error.code, data: error.data },
  }
}
