/**
 * Composes the repositories, their mirror and their publications, and repairs them after a crash.
 */
import type { PoolCheck } from '../../node/content/pool-check.ts'
import type { Config } from '../../shared/config/schema.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Database } from '../database/database.ts'
import { createRepositories, type Repositories } from '../repositories/configured.ts'
import { coordinatorHealer } from '../repositories/content/healing.ts'
import { coordinatorPoolCheck } from '../repositories/publish/pool-check.ts'
import type { Formats } from '../repositories/formats/format.ts'
import { knownPublications } from '../repositories/publish/known-publications.ts'
import { createLookup, type Lookup } from '../repositories/publish/lookup.ts'
import { createPublisher, type Publisher } from '../repositories/publish/publisher.ts'
import { createFolderDestination } from '../repositories/publish/folder/destination.ts'
import { createSnapshots, type Snapshots } from '../repositories/snapshots/snapshots.ts'
import { createMirror, type Mirror } from '../repositories/sync/mirror.ts'
import { formats } from './formats.ts'
import type { Network } from './network.ts'
import type { CoordinatorDeps, Stores } from './stores.ts'

export interface RepositoriesPart {
  readonly formats: Formats
  readonly repositories: Repositories
  readonly mirror: Mirror
  readonly publisher: Publisher
  readonly snapshots: Snapshots
  readonly lookup: Lookup
  readonly checkPool: PoolCheck
}

export async function composeRepositories(
  deps: CoordinatorDeps & { readonly stores: Stores; readonly network: Network },
  config: Pick<Config, 'repositories' | 'download'>,
  signal: AbortSignal,
): Promise<RepositoriesPart> {
  const { clock, random, log, stores, network } = deps
  const { database, pool } = stores
  const repositories = createRepositories(config.repositories)
  const snapshots = createSnapshots({ database })
  const destination = createFolderDestination({ pool, random, clock })
  const upkeep = { formats, destination, database, pool, clock, random, log }
  // Recovery runs before the node listens, so it can't fetch blobs from hosts. The healer itself
  // uses this mirror to fetch from upstreams.
  const unhealed = {
    mirror: createMirror(upkeep, config.download),
    publisher: createPublisher(upkeep),
  }
  await recover({ database, log, repositories, snapshots, ...unhealed }, signal)
  const { content } = network
  const { mirror: fetcher } = unhealed
  const healer = coordinatorHealer({ ...upkeep, content, repositories, mirror: fetcher })
  const healing = { ...upkeep, healer }
  const publisher = createPublisher(healing)
  return {
    formats,
    repositories,
    mirror: createMirror(healing, config.download),
    publisher,
    snapshots,
    lookup: createLookup({ database, clock }),
    checkPool: coordinatorPoolCheck({ ...healing, publisher, repositories }),
  }
}

type RecoverDeps = Pick<RepositoriesPart, 'repositories' | 'snapshots' | 'mirror' | 'publisher'> & {
  readonly database: Database
  readonly log: Logger
}

/**
 * Finishes syncs and publications that a crash interrupted. Damaged content stays unpublished until
 * the next sync or publication heals it.
 */
async function recover(deps: RecoverDeps, signal: AbortSignal): Promise<void> {
  const { database, log, publisher } = deps
  await deps.mirror.recover()
  const { known, orphaned } = await knownPublications(database, deps.repositories)
  for (const orphan of orphaned) {
    log.warn({ ...orphan }, 'a published target belongs to no snapshot; withdrawing it')
    await publisher
      .withdraw(orphan, {
        also: (tx) => deps.snapshots.requireAbsent(tx, { ...orphan, name: orphan.target }),
      })
      .catch((error: unknown) =>
        log.error({ error, ...orphan }, 'a published target could not be withdrawn'),
      )
  }
  await publisher.recover(known, signal)
}
