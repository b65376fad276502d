/** Verbs on repositories: sync and publish. Both act outside of the database, and both can be asked what became of them. */
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { ErrorValue } from '../../../shared/errors.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { Database } from '../../database/database.ts'
import type { Mirror, SyncResult } from '../../mirror/mirror.ts'
import { syncRunResult } from '../../mirror/status.ts'
import { newestVersion } from '../../mirror/versions.ts'
import type { Published, Publisher } from '../../publish/publisher.ts'
import { currentPublication } from '../../publish/publications.ts'
import { type Repositories, repositoryError } from '../../repositories.ts'
import type { Snapshots } from '../../snapshots/snapshots.ts'
import type { ActHandler, LoggedOperation, TargetResult } from '../operation.ts'
import { finishSnapshot, requireFree } from './snapshots.ts'
import { createReporter } from './sync-reporter.ts'

export interface RepositoryVerbsDeps {
  readonly repositories: Repositories
  readonly mirror: Mirror
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  readonly database: Database
  readonly clock: Clock
}

/** Names in one outcome: an entry of the log is at most 64 KiB. The rest is counted. */
const MAX_NAMED = 100

export function repositoryVerbs(deps: RepositoryVerbsDeps) {
  const targetOf = (operation: { readonly targets: readonly string[] }): RepositoryConfig =>
    deps.repositories.get(operation.targets[0] as string)

  const publishVersion = (
    config: RepositoryConfig,
    version: number,
    operation: string,
    signal: AbortSignal,
  ): Promise<Published> =>
    deps.publisher.publish({
      repository: config.name,
      target: 'latest',
      path: deps.repositories.path(config.name, 'latest'),
      version,
      signal,
      operation,
    })

  const sync: ActHandler<'repo.sync'> = {
    kind: 'act',
    async check(operation) {
      const config = targetOf(operation)
      const name = operation.arguments.snapshotName
      if (operation.arguments.createSnapshot && name !== undefined)
        await requireFree(deps.snapshots, config.name, name)
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
      const published = await publishVersion(config, result.version, operation.id, context.signal)
      const snapshot = await snapshotOf(operation, result.version, context.signal)
      return [
        {
          target: config.name,
          result: 'done',
          detail: { ...syncDetail(result), ...publishedDetail(published), ...snapshot },
        },
      ]
    },
    async probe(operation, signal) {
      const config = targetOf(operation)
      const ended = await syncRunResult(deps.database.query, operation.id)
      const made = await deps.database.query
        .selectFrom('repository_version')
        .select('id')
        .where('operation', '=', operation.id)
        .executeTakeFirst()
      // A sync that found nothing new made no version: then it is the newest one that has to be published.
      const version =
        made ??
        (ended === 'complete' ? await newestVersion(deps.database.query, config.name) : undefined)
      if (version === undefined) {
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
      // The version was accepted; publishing it is idempotent, and leaving it unpublished would be a half-done sync.
      const published = await publishVersion(config, version.id, operation.id, signal)
      const snapshot = await snapshotOf(operation, version.id, signal)
      const detail = {
        outcome: 'complete',
        recovered: true,
        ...publishedDetail(published),
        ...snapshot,
      }
      return [{ target: config.name, result: 'done', detail }]
    },
  }

  /** The snapshot that was asked for with the sync; of an interrupted one it may be there already. */
  const snapshotOf = async (
    operation: LoggedOperation<'repo.sync'>,
    version: number,
    signal: AbortSignal,
  ): Promise<Record<string, ErrorValue>> => {
    const { createSnapshot, snapshotName: name } = operation.arguments
    if (!createSnapshot || name === undefined) return {}
    const repository = targetOf(operation).name
    await finishSnapshot(deps, {
      repository,
      name,
      description: '',
      version,
      operation: operation.id,
      signal,
    })
    return { snapshot: name }
  }

  const publish: ActHandler<'repo.publish'> = {
    kind: 'act',
    async check(operation) {
      await versionOf(operation)
    },
    async act(operation, context) {
      const config = targetOf(operation)
      const published = await publishVersion(
        config,
        await versionOf(operation),
        operation.id,
        context.signal,
      )
      return [{ target: config.name, result: 'done', detail: publishedDetail(published) }]
    },
    async probe(operation) {
      const config = targetOf(operation)
      const current = await currentPublication(deps.database.query, {
        repository: config.name,
        target: 'latest',
      })
      const done = current?.version === (await versionOf(operation))
      return [
        { target: config.name, result: done ? 'done' : 'failed', detail: { recovered: true } },
      ]
    },
  }

  /** The version that the operation asks for: a snapshot's, or the one that was synced last. */
  const versionOf = async (operation: {
    readonly targets: readonly string[]
    readonly arguments: { readonly snapshot?: string | undefined }
  }): Promise<number> => {
    const config = targetOf(operation)
    const { snapshot } = operation.arguments
    if (snapshot !== undefined)
      return (await deps.snapshots.show({ repository: config.name, name: snapshot })).version
    const newest = await deps.database.query
      .selectFrom('repository_version')
      .select('id')
      .where('repository', '=', config.name)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (newest === undefined)
      throw repositoryError('repository.never-synced', { repository: config.name })
    return newest.id
  }

  return { 'repo.sync': sync, 'repo.publish': publish }
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

function publishedDetail(published: Published): Record<string, ErrorValue> {
  return { revision: published.generation, published: published.changed }
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
