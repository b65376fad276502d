/**
 * Publishes repository versions, repairs what is published, and withdraws it. The database decides
 * what is published. {@link Publisher.recover} makes the destination agree with it after a crash.
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

/** The result of {@link Publisher.repair} for one target that was altered. */
export interface Repair {
  readonly repository: string
  readonly target: string
  /** Files that were altered or missing. */
  readonly files: readonly string[]
  /** Why they could not be laid out again; undefined if they were. */
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
   * Compares what is published with its version, and lays out altered trees again. Returns the
   * altered targets, also those that can't be repaired.
   */
  repair(publications: readonly Publication[], signal: AbortSignal): Promise<Repair[]>
  /** Removes row, link and generations of a target. An absent target is fine. */
  withdraw(publication: Publication, options?: WithdrawOptions): Promise<void>
  /**
   * Withdraws after a failure that the caller reports. A second failure is only logged. Withdrawing
   * again removes the rest.
   */
  abandon(publication: Publication, options?: WithdrawOptions): Promise<void>
  /**
   * Called at the start, with the place of each known target. Makes the links agree with the
   * database after a crash between row and switch. Returns the corrected targets. A target that
   * can't be corrected is logged and left.
   */
  recover(known: readonly Publication[], signal: AbortSignal): Promise<Publication[]>
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { database, log } = deps
  // Work on one target is serial.
  const lanes = createLanes<string>({ name: 'the publications of a target' })

  const withdrawTarget = (publication: Publication, { also }: WithdrawOptions = {}) =>
    lanes.run(publication.path, async () => {
      await deps.destination.current(publication)
      await withdraw(database, publication, also)
      // Crash here: a link without a row. recover() doesn't see it; withdrawing again removes it.
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

/** Publishes the target's version again, which lays out an altered tree again. */
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
    // Another coordinator is publishing it now, from verified content.
    if (publishError.is(error, 'publish.conflict')) return undefined
    return { repository, target, files: namedFiles(error), error }
  }
}

/**
 * Switches to the generation that the database names, or lays it out again if it was removed.
 * Returns true if anything changed.
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
