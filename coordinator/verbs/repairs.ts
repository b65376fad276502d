/**
 * Repairs published trees. After each publication, the other publications of the repository are
 * compared with their records, and altered trees are built again. The outcome names each tree that
 * can't be built.
 */
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Database } from '../database/database.ts'
import { knownPublications } from '../repositories/publish/known-publications.ts'
import type { Publication } from '../repositories/publish/destination.ts'
import type { Published } from '../repositories/publish/publish-version.ts'
import type { Publisher, Repair } from '../repositories/publish/publisher.ts'
import type { Repositories } from '../repositories/configured.ts'
import { failed, type TargetResult } from '../outcomes/result.ts'

/** The number of names in a note. It is limited, because an entry of the log has at most 64 KiB. */
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
   * Returns the repairs of `latest`, which has just been published, and of the repository's other
   * publications. If damaged content was found, this also compares the other repositories, because
   * they may serve hard links to the same content.
   */
  after(
    repository: string,
    published: Pick<Published, 'repaired'>,
    signal: AbortSignal,
  ): Promise<Repair[]>
  /** Compares all publications if damaged content was found since the last comparison. */
  ofDamage(signal: AbortSignal): Promise<Repair[]>
}

export function createRepairs(deps: RepairsDeps): Repairs {
  // Owned by repair(): the pool's count of damaged files when the last complete repair succeeded.
  let repairedDamage = 0

  const repair = async (
    isWanted: (publication: Publication, isDamaged: boolean) => boolean,
    signal: AbortSignal,
  ): Promise<Repair[]> => {
    const damage = deps.pool.damaged()
    const isDamaged = damage > repairedDamage
    const { known } = await knownPublications(deps.database, deps.repositories)
    const wanted = known.filter((publication) => isWanted(publication, isDamaged))
    const repairs = await deps.publisher.repair(wanted, signal)
    // If a repair failed, the next operation compares all publications again.
    if (isDamaged && repairs.every(({ error }) => error === undefined)) repairedDamage = damage
    return repairs
  }

  return {
    async after(repository, { repaired }, signal) {
      const others = await repair(
        (publication, isDamaged) =>
          publication.repository === repository ? publication.target !== 'latest' : isDamaged,
        signal,
      )
      if (repaired.length === 0) return others
      return [{ repository, target: 'latest', files: repaired }, ...others]
    },
    ofDamage: (signal) => repair((_publication, isDamaged) => isDamaged, signal),
  }
}

/**
 * Adds the repairs to the outcome of a publication. The outcome becomes a failure if a tree of the
 * same repository is still damaged. A damaged tree of another repository is only noted. It makes
 * the operations of that repository fail.
 */
export function withRepairs(result: TargetResult, repairs: readonly Repair[]): TargetResult {
  if (repairs.length === 0) return result
  const { detail } = result
  const isOwn = ({ repository }: Repair): boolean => repository === result.target
  const repaired = repairs.filter(({ error }) => error === undefined)
  const broken = repairs.filter(({ error }) => error !== undefined)
  const own = broken.filter(isOwn)
  const notes = [
    ...(Array.isArray(detail['notes']) ? detail['notes'] : []),
    ...repaired.map((each) => note(each, isOwn(each))),
    ...broken.filter((each) => !isOwn(each)).map((each) => failure(each, false)),
  ]
  const [first] = own
  if (first?.error === undefined) return { ...result, detail: { ...detail, notes } }
  const failures = own.map((each) => failure(each, true))
  return failed(result.target, first.error, { ...detail, notes, outcome: 'incomplete', failures })
}

function note({ repository, target, files }: Repair, own: boolean): string {
  const names = named(files)
  const which = own ? target : `${repository}/${target}`
  return names === ''
    ? `the tree published as ${which} was altered and was laid out again`
    : `files of ${which} were altered and were laid out again: ${names}`
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
