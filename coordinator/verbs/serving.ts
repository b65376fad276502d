/**
 * Selects the version that `latest` serves. If an operator chose a snapshot, it stays until an
 * operator publishes the newest version. Each publication checks in its transaction that the newest
 * version and the operator's choice have not changed.
 */
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { defined } from '../../shared/defined.ts'
import type { ErrorValue } from '../../shared/errors.ts'
import type { Database } from '../database/database.ts'
import { newestVersion } from '../repositories/versions/versions.ts'
import { publishError } from '../repositories/publish/errors.ts'
import { pinOf, requireNewest, requirePin } from '../repositories/publish/pins.ts'
import { currentPublication } from '../repositories/publish/publications.ts'
import type { Published, PublishRequest } from '../repositories/publish/publish-version.ts'
import type { Publisher } from '../repositories/publish/publisher.ts'
import { type Repositories, repositoryError } from '../repositories/configured.ts'
import type { Snapshots } from '../repositories/snapshots/snapshots.ts'

export interface ServingDeps {
  readonly repositories: Repositories
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  readonly database: Database
}

export interface Served extends Published {
  readonly version: number
  /** The snapshot that an operator chose for `latest`. Null if it follows the newest version. */
  readonly pin: string | null
}

export interface Serving {
  /** Serves the newest version, and follows it from now on. @throws repository.never-synced */
  newest(config: RepositoryConfig, operation: string, signal: AbortSignal): Promise<Served>
  /** Serves a snapshot until an operator publishes the newest version. @throws snapshot.unknown */
  snapshot(
    config: RepositoryConfig,
    name: string,
    operation: string,
    signal: AbortSignal,
  ): Promise<Served>
  /**
   * Publishes after a sync: the newest version if `latest` follows it. Otherwise the chosen version
   * stays. If it is damaged, it is published again.
   */
  followed(config: RepositoryConfig, operation: string, signal: AbortSignal): Promise<Served>
}

/**
 * The number of attempts. An attempt fails only if another publication or sync changed the state
 * after the decision.
 */
const MAX_ATTEMPTS = 4

/**
 * Returns the name of a repository's `latest`, for the list of names that an operation touches
 * (fence.ts).
 */
export const touchedLatest = (repository: string): string => `latest/${repository}`

export function createServing(deps: ServingDeps): Serving {
  return {
    newest: (config, operation, signal) =>
      untilUnchanged(() => serveNewest(deps, config, { operation, signal })),

    async snapshot(config, name, operation, signal) {
      const repository = config.name
      const { version } = await deps.snapshots.show({ repository, name })
      const also: Also = (tx) => deps.snapshots.hold(tx, { repository, name, version })
      return publish(deps, config, { version, signal, operation, pin: name, also })
    },

    followed: (config, operation, signal) =>
      untilUnchanged(() => serveFollowed(deps, config, { operation, signal })),
  }
}

type Also = NonNullable<PublishRequest['also']>
type LatestRequest = Pick<PublishRequest, 'version' | 'signal' | 'operation' | 'pin' | 'also'>
type By = { readonly operation: string; readonly signal: AbortSignal }

async function serveNewest(deps: ServingDeps, config: RepositoryConfig, by: By): Promise<Served> {
  const version = await newestOf(deps.database, config.name)
  const also: Also = (tx) => requireNewest(tx, config.name, version)
  return publish(deps, config, { ...by, version, pin: null, also })
}

async function serveFollowed(deps: ServingDeps, config: RepositoryConfig, by: By): Promise<Served> {
  const { query } = deps.database
  const repository = config.name
  const pin = await pinOf(query, repository)
  const current = await currentPublication(query, { repository, target: 'latest' })
  if (pin !== null && current !== undefined) {
    // The publication does not record this operation, because the operation only repairs the served
    // version.
    const { version } = current
    const also: Also = (tx) => requirePin(tx, repository, pin)
    return { ...(await publish(deps, config, { version, signal: by.signal, also })), pin }
  }
  const version = await newestOf(deps.database, repository)
  const also: Also = async (tx) => {
    await requirePin(tx, repository, null)
    await requireNewest(tx, repository, version)
  }
  return publish(deps, config, { ...by, version, also })
}

async function publish(
  deps: ServingDeps,
  config: RepositoryConfig,
  request: LatestRequest,
): Promise<Served> {
  const published = await deps.publisher.publish({
    repository: config.name,
    target: 'latest',
    path: deps.repositories.path(config.name, 'latest'),
    ...request,
  })
  return { ...published, version: request.version, pin: request.pin ?? null }
}

/** @throws repository.never-synced */
async function newestOf(database: Database, repository: string): Promise<number> {
  const newest = await newestVersion(database.query, repository)
  if (newest === undefined) throw repositoryError('repository.never-synced', { repository })
  return newest.id
}

/** Repeats the decision if the state changed before the publication. */
async function untilUnchanged(decideAndPublish: () => Promise<Served>): Promise<Served> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await decideAndPublish()
    } catch (error) {
      const changed = publishError.is(error, 'publish.pin', 'publish.outdated')
      if (!changed || attempt === MAX_ATTEMPTS) throw error
    }
  }
}

/** Returns the part of an outcome that names the served version. */
export function servedDetail(served: Served): Record<string, ErrorValue> {
  return defined({
    revision: served.generation,
    published: served.changed,
    served: served.version,
    pinned: served.pin ?? undefined,
  })
}
