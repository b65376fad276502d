/**
 * Publishes repository versions, repairs published trees, and withdraws them. The database decides
 * which version is published. After a crash, {@link Publisher.recover} corrects the destination.
 */
import type { Kysely } from 'kysely'
import { createLanes } from '../../../shared/concurrency/lanes.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { Publication } from './destination.ts'
import { publishError } from './errors.ts'
import { createManifests, type Manifests } from './manifests.ts'
import { currentPublication, withdraw } from './publications.ts'
import {
  type Published,
  type PublisherDeps,
  type PublishRequest,
  publishVersion,
  switchToRow,
} from './publish-version.ts'

/** The result of {@link Publisher.repair} for one altered target. */
export interface Repair {
  readonly repository: string
  readonly target: string
  /** Files that were altered or missing. */
  readonly files: readonly string[]
  /** The reason why the tree could not be built again; undefined if it was. */
  readonly error?: MusterError
}

export interface WithdrawOptions {
  /** More changes of the same transaction. */
  readonly also?: (tx: Kysely<Tables>) => Promise<void>
}

export interface Publisher {
  /** @throws publish.target, .conflict, .content, .unsound, .disk, .unknown-version */
  publish(request: PublishRequest): Promise<Published>
  /**
   * Compares published trees with their versions, and builds altered trees again. Returns the
   * altered targets, also those that could not be repaired.
   */
  repair(publications: readonly Publication[], signal: AbortSignal): Promise<Repair[]>
  /** Removes row, link and generations of a target. An absent target is fine. */
  withdraw(publication: Publication, options?: WithdrawOptions): Promise<void>
  /**
   * Withdraws after a failure that the caller reports. If this fails too, it only logs the error.
   * Withdrawing again removes the rest.
   */
  abandon(publication: Publication, options?: WithdrawOptions): Promise<void>
  /**
   * Corrects links that differ from the database, for example after a crash between row and switch.
   * The coordinator calls it at its start, with all known targets. Returns the corrected targets.
   * If a target can't be corrected, the error is logged and the target stays as it is.
   */
  recover(known: readonly Publication[], signal: AbortSignal): Promise<Publication[]>
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { database, log } = deps
  // Operations on one target run one after another.
  const lanes = createLanes<string>({ name: 'the publications of a target' })

  const withdrawTarget = (publication: Publication, { also }: WithdrawOptions = {}) =>
    lanes.run(publication.path, async () => {
      await deps.destination.current(publication)
      await withdraw(database, publication, also)
      // Crash here: a link without a row. recover() doesn't see it. Withdrawing again removes it.
      await deps.destination.withdraw(publication)
    })

  return {
    publish: (request) =>
      lanes.run(request.path, () => publishVersion(deps, request, createManifests(database))),
    withdraw: withdrawTarget,
    abandon: (publication, options) =>
      withdrawTarget(publication, options).catch((error: unknown) =>
        log.warn({ error, ...publication }, 'what was published before a failure stays'),
      ),
    async repair(publications, signal) {
      const repairs: Repair[] = []
      const manifests = createManifests(database)
      for (const publication of publications) {
        signal.throwIfAborted()
        const repair = await lanes.run(publication.path, () =>
          repairTarget(deps, publication, manifests, signal),
        )
        if (repair !== undefined) repairs.push(repair)
      }
      return repairs
    },
    async recover(known, signal) {
      const corrected: Publication[] = []
      for (const publication of known) {
        signal.throwIfAborted()
        try {
          if (await lanes.run(publication.path, () => recoverTarget(deps, publication, signal)))
            corrected.push(publication)
        } catch (error) {
          log.error({ error, ...publication }, 'a published target could not be put right')
        }
      }
      return corrected
    },
  }
}

/** Publishes the target's version again. This rebuilds an altered tree. */
async function repairTarget(
  deps: PublisherDeps,
  publication: Publication,
  manifests: Manifests,
  signal: AbortSignal,
): Promise<Repair | undefined> {
  const { repository, target } = publication
  const current = await currentPublication(deps.database.query, publication)
  if (current === undefined) return undefined
  const request = { ...publication, version: current.version, signal }
  try {
    const { changed, repaired } = await publishVersion(deps, request, manifests)
    return changed ? { repository, target, files: repaired } : undefined
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof MusterError)) throw error
    // Another coordinator is publishing this target now, from verified content.
    if (publishError.is(error, 'publish.conflict')) return undefined
    return { repository, target, files: namedFiles(error), error }
  }
}

/**
 * Switches to the generation that the database names. Builds it again if it was removed. Returns
 * true if anything changed.
 */
async function recoverTarget(
  deps: PublisherDeps,
  publication: Publication,
  signal: AbortSignal,
): Promise<boolean> {
  const current = await currentPublication(deps.database.query, publication)
  if (current === undefined) return false
  if (await deps.destination.has(publication, current.location))
    return switchToRow(deps, publication)
  const request = { ...publication, version: current.version, signal }
  return (await publishVersion(deps, request, createManifests(deps.database))).changed
}

function namedFiles(error: MusterError): readonly string[] {
  const { files } = error.data
  return publishError.is(error, 'publish.content') && Array.isArray(files) ? files : []
}
