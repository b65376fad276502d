/**
 * Checks the coordinator's pool. It also finds published content that is missing, and rebuilds
 * altered trees. Each lost blob is reported with the names of its files.
 */
import {
  createPoolCheck,
  type LostContent,
  type PoolCheck,
} from '../../../node/content/pool-check.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { BlobId } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { Database } from '../../database/database.ts'
import { lackingOf } from '../content/lacking.ts'
import { knownPublications } from './known-publications.ts'
import { currentPublication } from './publications.ts'
import type { Publisher } from './publisher.ts'
import type { Repositories } from '../configured.ts'
import type { Healer } from '../content/healer.ts'
import { placesOf } from '../content/places.ts'

export interface CoordinatorPoolCheckDeps {
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly healer: Healer
  readonly database: Database
  readonly publisher: Publisher
  readonly repositories: Repositories
}

export function coordinatorPoolCheck(deps: CoordinatorPoolCheckDeps): PoolCheck {
  const { database, repositories } = deps
  /** Finds published content that isn't in the pool. Each version is checked once. */
  const missing = async (signal: AbortSignal): Promise<LostContent[]> => {
    const lost = new Map<BlobId, LostContent>()
    const seen = new Set<number>()
    for (const publication of (await knownPublications(database, repositories)).known) {
      const version = (await currentPublication(database.query, publication))?.version
      if (version === undefined || seen.has(version)) continue
      seen.add(version)
      for (const { blob, size } of await lackingOf(deps, version, signal))
        lost.set(blob, { blob, size })
    }
    return [...lost.values()]
  }
  return createPoolCheck({
    ...deps,
    missing,
    heal: (lost, signal) => deps.healer.heal(lost, signal),
    filesOf: async (blob) =>
      (await placesOf(database.query, blob)).map(
        ({ repository, path }) => `${repository}: ${path}`,
      ),
    repair: async ({ everything, signal }) => {
      const { known } = await knownPublications(database, repositories)
      const repaired: string[] = []
      const unrepaired: string[] = []
      const those = known.filter(({ target }) => everything || target === 'latest')
      for (const { repository, target, error } of await deps.publisher.repair(those, signal)) {
        const name = `${repository}/${target}`
        if (error === undefined) repaired.push(name)
        else unrepaired.push(`${name}: ${error.message}`)
      }
      return { repaired, unrepaired }
    },
  })
}
