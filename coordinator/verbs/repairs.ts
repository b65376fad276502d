/**
 * What else is published of a repository is compared with what it must be whenever one of its
 * versions is published. What was altered is laid out again; what can't be is part of the outcome.
 */
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Database } from '../database/database.ts'
import { knownPublications } from '../repositories/publish/known-publications.ts'
import type { Publication } from '../repositories/publish/destination.ts'
import type { Published } from '../repositories/publish/publish-version.ts'
import type { Publisher, Repair } from '../repositories/publish/publisher.ts'
import type { Repositories } from '../repositories/configured.ts'
import type { TargetResult } from '../outcomes/result.ts'

/** Names in one note: an entry of the log is at most 64 KiB. */
const MAX_NAMED = 20
const MAX_NAME = 400

export interface RepairsDeps {
  readonly pool: Pick<Pool, 'damaged'>
  readonly publisher: Publisher
  readonly database: Database
  readonly repositories: Repositories
}

export interface Repairs {
  /**
   * What was found altered below `latest` as it was published just now, and below all else that is
   * published of the repository. Other repositories may serve hard links to damaged content: they
   * are compared too where any was found.
   */
  after(
    repository: string,
    published: Pick<Published, 'repaired'>,
    signal: AbortSignal,
  ): Promise<Repair[]>
  /**
   * The same where nothing was published: everything, if damaged content was found since the last
   * look.
   */
  ofDamage(signal: AbortSignal): Promise<Repair[]>
}

export function createRepairs(deps: RepairsDeps): Repairs {
  // Owned by look(): the pool's count of damaged files when everything was last compared and right.
  let looked = 0
  const look = async (
    wanted: (publication: Publication, all: boolean) => boolean,
    signal: AbortSignal,
  ): Promise<Repair[]> => {
    const damaged = deps.pool.damaged()
    const all = damaged > looked
    const { known } = await knownPublications(deps.database, deps.repositories)
    const those = known.filter((one) => wanted(one, all))
    const repairs = await deps.publisher.repair(those, signal)
    // What can't be put right is tried again by the next operation.
    if (all && repairs.every(({ error }) => error === undefined)) looked = damaged
    return repairs
  }
  return {
    async after(repository, { repaired }, signal) {
      const isOwn = (one: Publication): boolean => one.repository === repository
      return [
        ...(repaired.length === 0 ? [] : [{ repository, target: 'latest', files: repaired }]),
        ...(await look((one, all) => (isOwn(one) ? one.target !== 'latest' : all), signal)),
      ]
    },
    ofDamage: (signal) => look((_one, all) => all, signal),
  }
}

/**
 * The outcome of a publication, with what was found altered; failed where it could not all be put
 * right.
 */
export function withRepairs(result: TargetResult, repairs: readonly Repair[]): TargetResult {
  if (repairs.length === 0) return result
  const { detail } = result
  const broken = repairs.filter(({ error }) => error !== undefined)
  const isOwn = ({ repository }: Repair): boolean => repository === result.target
  const notes = [
    ...(Array.isArray(detail['notes']) ? detail['notes'] : []),
    ...repairs.filter(({ error }) => error === undefined).map((each) => note(each, isOwn(each))),
    // Another repository's damage is told here, and fails that repository's own operations.
    ...broken.filter((each) => !isOwn(each)).map((each) => failure(each, false)),
  ]
  const own = broken.filter(isOwn)
  const [first] = own
  if (first?.error === undefined) return { ...result, detail: { ...detail, notes } }
  const failures = own.map((each) => failure(each, true))
  const { code, data } = first.error
  return {
    ...result,
    result: 'failed',
    detail: { ...detail, notes, outcome: 'incomplete', failures },
    error: { code, data },
  }
}

function note({ repository, target, files }: Repair, own: boolean): string {
  const names = named(files)
  const which = own ? target : `${repository}/${target}`
  return names === ''
    ? `what is published as ${which} was not what it must be and was laid out again`
    : `files of ${which} were not what they must be and were laid out again: ${names}`
}

function failure({ repository, target, files, error }: Repair, own: boolean): string {
  const names = named(files)
  const which = own ? target : `${repository}/${target}`
  return `${which}: ${names === '' ? error?.message : `${names} can't be laid out again`}`
}

function named(files: readonly string[]): string {
  const paths = files.filter((path) => path !== '')
  const more = paths.length - MAX_NAMED
  const shown = paths.slice(0, MAX_NAMED).map((path) => path.slice(0, MAX_NAME))
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}
