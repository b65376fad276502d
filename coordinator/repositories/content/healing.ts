/** Creates the healer of a coordinator: it asks agents that hold a blob, then upstreams. */
import type { Content } from '../../../node/content/content.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { Database } from '../../database/database.ts'
import type { Repositories } from '../configured.ts'
import { createHealer, type Healer } from './healer.ts'
import { fetchFromUpstream, type UpstreamFiles } from './places.ts'

export interface HealingDeps {
  readonly pool: Pool
  readonly log: Logger
  readonly content: Content
  readonly database: Database
  readonly repositories: Repositories
  readonly mirror: UpstreamFiles
}

export function coordinatorHealer(deps: HealingDeps): Healer {
  return createHealer({
    pool: deps.pool,
    log: deps.log,
    fetch: {
      agent: async ({ blob, size }, signal) => {
        await deps.content.fetch(blob, signal, { size })
      },
      upstream: (lost, signal) => fetchFromUpstream(deps, lost, signal),
    },
  })
}
