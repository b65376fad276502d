/**
 * What else is published of a repository is compared with what it must be whenever one of its versions is published. What was
 * altered is laid out again; what can't be is part of the outcome.
 */
import type { Database } from '../../database/database.ts'
import { knownPublications } from '../../publish/known-publications.ts'
import type { Published, Publisher, Repair } from '../../publish/publisher.ts'
import type { Repositories } from '../../repositories.ts'
import type { TargetResult } from '../operation.ts'

/** Names in one note: an entry of the log is at most 64 KiB. */
const MAX_NAMED = 20
const MAX_NAME = 400

/** What was found altered below `latest` as it was published just now, and below all else that is published of the repository. */
export async function repairsOf(
  deps: { publisher: Publisher; database: Database; repositories: Repositories },
  repository: string,
  { repaired }: Published,
  signal: AbortSignal,
): Promise<Repair[]> {
  const { known } = await knownPublications(deps.database, deps.repositories)
  const others = known.filter((one) => one.repository === repository && one.target !== 'latest')
  return [
    ...(repaired.length === 0 ? [] : [{ target: 'latest', files: repaired }]),
    ...(await deps.publisher.repair(others, signal)),
  ]
}

/** The outcome of a publication, with what was found altered; failed where it could not all be put right. */
export function withRepairs(result: TargetResult, repairs: readonly Repair[]): TargetResult {
  if (repairs.length === 0) return result
  const { detail } = result
  const notes = [
    ...(Array.isArray(detail['notes']) ? detail['notes'] : []),
    ...repairs.filter(({ error }) => error === undefined).map(note),
  ]
  const broken = repairs.filter(({ error }) => error !== undefined)
  const [first] = broken
  if (first?.error === undefined) return { ...result, detail: { ...detail, notes } }
  const failures = broken.map(({ target, files, error }) => {
    const names = named(files)
    return `${target}: ${names === '' ? error?.message : `${names} can't be laid out again`}`
  })
  const { code, data } = first.error
  return {
    ...result,
    result: 'failed',
    detail: { ...detail, notes, outcome: 'incomplete', failures },
    error: { code, data },
  }
}

function note({ target, files }: Repair): string {
  const names = named(files)
  return names === ''
    ? `what is published as ${target} was not what it must be and was laid out again`
    : `files of ${target} were not what they must be and were laid out again: ${names}`
}

function named(files: readonly string[]): string {
  const paths = files.filter((path) => path !== '')
  const more = paths.length - MAX_NAMED
  const shown = paths.slice(0, MAX_NAMED).map((path) => path.slice(0, MAX_NAME))
  return `${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}
