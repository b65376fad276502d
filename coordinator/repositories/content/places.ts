/** Finds the repositories that have a blob, and fetches it again from their upstreams. */
import type { Kysely } from 'kysely'
import { blobError } from '../../../shared/blobs/errors.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { BlobId } from '../../../shared/ids.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Repositories } from '../configured.ts'
import type { LostBlob } from './healer.ts'

export interface Place {
  readonly repository: string
  readonly path: string
}

/** Fetches a file of a repository into the pool. */
export interface UpstreamFiles {
  /** Keeps only content with the id `blob`. @throws mirror.*, blob.mismatch */
  fetchBlob(
    repository: RepositoryConfig,
    file: { path: string; blob: BlobId; size: number },
    signal: AbortSignal,
  ): Promise<void>
}

/** The limit of places to try for a blob that many repositories share. */
const MAX_PLACES = 16

/** Returns places of a blob. A place in a newer version comes first. */
export async function placesOf(db: Kysely<Tables>, blob: BlobId): Promise<Place[]> {
  const packages = await db
    .selectFrom('package')
    .innerJoin('version_package', 'version_package.package', 'package.pk')
    .innerJoin('repository_version', 'repository_version.id', 'version_package.version')
    .select((eb) => [
      'repository_version.repository',
      'package.href as path',
      eb.fn.max('repository_version.id').as('version'),
    ])
    .where('package.blob', '=', blob)
    .groupBy(['repository_version.repository', 'package.href'])
    .orderBy('version', 'desc')
    .limit(MAX_PLACES)
    .execute()
  const files = await db
    .selectFrom('version_file')
    .innerJoin('repository_version', 'repository_version.id', 'version_file.version')
    .select((eb) => [
      'repository_version.repository',
      'version_file.path',
      eb.fn.max('repository_version.id').as('version'),
    ])
    .where('version_file.blob', '=', blob)
    .groupBy(['repository_version.repository', 'version_file.path'])
    .orderBy('version', 'desc')
    .limit(MAX_PLACES)
    .execute()
  return [...packages, ...files]
    .sort((a, b) => Number(b.version) - Number(a.version))
    .map(({ repository, path }) => ({ repository, path }))
}

/**
 * Fetches a blob from the upstream of a configured repository that has it.
 * @throws mirror.*, blob.unknown if no upstream has it
 */
export async function fetchFromUpstream(
  deps: { database: Database; repositories: Repositories; mirror: UpstreamFiles },
  { blob, size }: LostBlob,
  signal: AbortSignal,
): Promise<void> {
  let failure: unknown = blobError('blob.unknown', { id: blob })
  for (const { repository, path } of await placesOf(deps.database.query, blob)) {
    const config = deps.repositories.all.find(({ name }) => name === repository)
    if (config === undefined || !config.enabled) continue
    try {
      return await deps.mirror.fetchBlob(config, { path, blob, size }, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      failure = error
    }
  }
  throw failure
}
