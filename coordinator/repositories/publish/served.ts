/** The version that `latest` of a repository serves. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables/all.ts'
import { newestVersion } from '../versions/versions.ts'
import { currentPublication } from './publications.ts'

export interface Served {
  readonly version: number
  /** The snapshot that an operator chose for `latest`; null while it follows the newest version. */
  readonly snapshot: string | null
  /** True if it is the newest version. */
  readonly newest: boolean
  /** Milliseconds since the epoch; null if an earlier version of Muster published it. */
  readonly since: number | null
}

/** The columns of a publication that decide which version is served. */
export interface PublishedVersion {
  readonly version: number
  readonly pin: string | null
  readonly since: number | null
}

/** @returns null if nothing is published */
export function servedBy(
  published: PublishedVersion | null | undefined,
  newest: number | null | undefined,
): Served | null {
  if (published === null || published === undefined) return null
  const { version, pin, since } = published
  return { version, snapshot: pin, newest: version === newest, since }
}

export async function readServed(
  query: Kysely<Tables>,
  repository: string,
): Promise<Served | null> {
  const current = await currentPublication(query, { repository, target: 'latest' })
  const newest = await newestVersion(query, repository)
  return servedBy(current, newest?.id)
}
