/**
 * What `latest` serves. An operator's choice of a snapshot holds until an operator publishes the
 * newest again; a sync follows it. Each publication checks in its own transaction that what it was
 * decided on still holds.
 */
import type { RepositoryConfig } from '../../shared/config/repository.ts'
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
  /** The snapshot that `latest` is put on; null where it follows the newest. */
  readonly pin: string | null
}

export interface Serving {
  /** Serves the newest version, and follows it from now on. @throws repository.never-synced */
  newest(config: RepositoryConfig, operation: string, signal: AbortSignal): Promise<Served>
  /** Puts `latest` on a snapshot. @throws snapshot.unknown */
  snapshot(
    config: RepositoryConfig,
    name: string,
    operation: string,
    signal: AbortSignal,
  ): Promise<Served>
  /**
   * After a sync: the newest version where `latest` follows it, else what it is put on, laid out
   * again if that is damaged.
   */
  followed(config: RepositoryConfig, operation: string, signal: AbortSignal): Promise<Served>
}

/**
 * What was decided on changes only when an operator or another sync comes between, so a second try
 * nearly always holds.
 */
const TRIES = 4

export function createServing(deps: ServingDeps): Serving {
  const { database } = deps

  const publish = async (
    config: RepositoryConfig,
    request: Pick<PublishRequest, 'version' | 'signal' | 'operation' | 'pin' | 'also'>,
    pin: string | null,
  ): Promise<Served> => {
    const published = await deps.publisher.publish({
      repository: config.name,
      target: 'latest',
      path: deps.repositories.path(config.name, 'latest'),
      ...request,
    })
    return { ...published, version: request.version, pin }
  }

  const newestOf = async (repository: string): Promise<number> => {
    const newest = await newestVersion(database.query, repository)
    if (newest === undefined) throw repositoryError('repository.never-synced', { repository })
    return newest.id
  }

  return {
    newest: (config, operation, signal) =>
      untilItHolds(async () => {
        const version = await newestOf(config.name)
        const also: PublishRequest['also'] = (tx) => requireNewest(tx, config.name, version)
        return publish(config, { version, signal, operation, pin: null, also }, null)
      }),

    async snapshot(config, name, operation, signal) {
      const { version } = await deps.snapshots.show({ repository: config.name, name })
      const also: PublishRequest['also'] = (tx) =>
        deps.snapshots.hold(tx, { repository: config.name, name, version })
      return publish(config, { version, signal, operation, pin: name, also }, name)
    },

    followed: (config, operation, signal) =>
      untilItHolds(async () => {
        const repository = config.name
        const pin = await pinOf(database.query, repository)
        const current = await currentPublication(database.query, { repository, target: 'latest' })
        if (pin !== null && current !== undefined) {
          // No operation: this one chose nothing, it only makes whole what is served.
          const also: PublishRequest['also'] = (tx) => requirePin(tx, repository, pin)
          return publish(config, { version: current.version, signal, also }, pin)
        }
        const version = await newestOf(repository)
        const also: PublishRequest['also'] = async (tx) => {
          await requirePin(tx, repository, null)
          await requireNewest(tx, repository, version)
        }
        return publish(config, { version, signal, operation, also }, null)
      }),
  }
}

async function untilItHolds(publish: () => Promise<Served>): Promise<Served> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await publish()
    } catch (error) {
      const overtaken =
        publishError.is(error, 'publish.pin') || publishError.is(error, 'publish.outdated')
      if (!overtaken || attempt === TRIES) throw error
    }
  }
}

/** For the outcome in the log, and for the operator. */
export function servedDetail(served: Served): Record<string, ErrorValue> {
  return {
    revision: served.generation,
    published: served.changed,
    served: served.version,
    ...(served.pin === null ? {} : { pinned: served.pin }),
  }
}
