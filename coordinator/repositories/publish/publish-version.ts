/**
 * Publishes one version at one target. It builds the tree, writes the row of the new generation,
 * and then switches clients to it. If two publishers use the same number, only one can write the
 * row.
 */
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import { type Clock, rfc3339 } from '../../../shared/clock.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { Healer } from '../content/healer.ts'
import type { ManifestFile } from '../content/manifest.ts'
import { carriedMetadata } from './carried.ts'
import type { Generation, Location, Publication, PublishDestination } from './destination.ts'
import type { Manifests, VersionManifest } from './manifests.ts'
import { advance, choose, type CurrentPublication, currentPublication } from './publications.ts'
import { requireSound } from './sound.ts'

export interface PublisherDeps {
  readonly database: Database
  readonly pool: Pool
  readonly destination: PublishDestination
  readonly clock: Clock
  readonly log: Logger
  /**
   * Fetches content again that the pool has lost. If absent, such a version can't be published.
   */
  readonly healer?: Healer
}

export interface PublishRequest extends Publication {
  readonly version: number
  readonly signal: AbortSignal
  readonly operation?: string
  /** For `latest`: the snapshot that an operator chose. Null: follow the newest version again. */
  readonly pin?: string | null
  /** More changes of the transaction that publishes the version, such as an entry of the log. */
  readonly also?: (tx: Kysely<Tables>) => Promise<void>
}

export interface Published {
  readonly generation: number
  readonly location: Location
  /** Files of the version. Metadata of earlier generations isn't counted. */
  readonly files: number
  readonly bytes: number
  /** False if the version was already published and its link and files were correct. */
  readonly changed: boolean
  /** Published files that were altered or missing, or ''. The tree was built again. */
  readonly repaired: readonly string[]
}

/** @throws publish.target, .conflict, .content, .unsound, .disk, .unknown-version */
export async function publishVersion(
  deps: PublisherDeps,
  request: PublishRequest,
  manifests: Manifests,
): Promise<Published> {
  const { database, destination } = deps
  await destination.prepare(request)
  const served = await destination.current(request)
  const manifest = await manifests.of(request)
  const current = await currentPublication(database.query, request)
  const isPublished = current !== undefined && isThis(deps, current, request, manifest)
  const repaired = isPublished ? await alteredFiles(deps, request, current, manifest) : []
  const { generation, location, changed } =
    isPublished && repaired.length === 0
      ? await keepGeneration(deps, request, current, served)
      : await publishGeneration(deps, request, manifest, (current?.generation ?? 0) + 1)
  return { generation, location, changed, repaired, ...sizesOf(manifest) }
}

type Outcome = Pick<Published, 'generation' | 'location' | 'changed'>

/** True if the target's generation has this version and this tree. */
function isThis(
  { destination }: PublisherDeps,
  current: CurrentPublication,
  { version }: PublishRequest,
  { root }: VersionManifest,
): boolean {
  const location = destination.locationOf({ number: current.generation, root })
  return current.version === version && current.location === location
}

/** Returns paths of the published tree that differ from the version. */
async function alteredFiles(
  { destination, log }: PublisherDeps,
  request: PublishRequest,
  { location }: CurrentPublication,
  { files }: VersionManifest,
): Promise<string[]> {
  const { repository, target, signal } = request
  const problems = await destination.problems(request, { location, files }, signal)
  for (const { path, reason } of problems)
    log.warn({ repository, target, path, reason }, 'a published file is not what it must be')
  return problems.map(({ path }) => path)
}

/** Keeps a correct tree. Corrects a link that was removed or moved, and records the choice. */
async function keepGeneration(
  { database, destination }: PublisherDeps,
  request: PublishRequest,
  { generation, location }: CurrentPublication,
  served: Location | undefined,
): Promise<Outcome> {
  const changed = location !== served
  if (changed) await destination.switch(request, location)
  const { pin, also } = request
  if (pin !== undefined || also !== undefined)
    await database.transaction(async (tx) => {
      if (pin !== undefined) await choose(tx, { ...request, generation, at: database.clock.now() })
      await also?.(tx)
    })
  return { generation, location, changed }
}

async function publishGeneration(
  deps: PublisherDeps,
  request: PublishRequest,
  manifest: VersionManifest,
  number: number,
): Promise<Outcome> {
  const { database, destination } = deps
  const { repository, target, version, signal } = request
  await requireSound(deps, request, manifest.files)
  const carried = await carriedMetadata(deps, request, manifest.files, signal)
  const generation = generationOf(deps, request, { ...manifest, number, carried })
  const location = destination.locationOf(generation)
  const placed = await destination.build(request, generation, signal)
  signal.throwIfAborted()
  await advance(database, { ...request, number, location })
  // Crash here: the database names the new generation, and the link still leads to the old one.
  // Publisher.recover() switches it at the next start.
  await destination.switch(request, location)
  // PB-08: another publisher may have switched back between row and switch. The row is
  // authoritative.
  await switchToRow(deps, request)
  await removeOld(deps, request, location)
  await deps.pool.flush()
  deps.log.info({ repository, target, version, generation: number, placed }, 'published')
  return { generation: number, location, changed: true }
}

/**
 * Switches the link to the generation that the database names, if it leads to another one. Returns
 * true if it did.
 */
export async function switchToRow(
  { database, destination, log }: PublisherDeps,
  publication: Publication,
): Promise<boolean> {
  const current = await currentPublication(database.query, publication)
  if (current === undefined || current.location === (await destination.current(publication)))
    return false
  log.warn(
    { ...publication, generation: current.generation },
    'the published link did not agree with the database; switching it',
  )
  await destination.switch(publication, current.location)
  return true
}

/** Removes old generations. They only use space, so a failure doesn't fail the publication. */
async function removeOld(
  { destination, log }: PublisherDeps,
  publication: Publication,
  current: Location,
): Promise<void> {
  try {
    await destination.clean(publication, current)
  } catch (error) {
    log.warn({ error, path: publication.path }, 'old generations could not be removed')
  }
}

function sizesOf({ files }: VersionManifest): { files: number; bytes: number } {
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
}

function generationOf(
  { clock }: PublisherDeps,
  request: PublishRequest,
  tree: VersionManifest & { readonly number: number; readonly carried: readonly ManifestFile[] },
): Generation {
  const { repository, target, version, operation = null } = request
  const { number, root, files, carried } = tree
  const manifest = {
    repository,
    target,
    version,
    generation: number,
    root,
    operation,
    ...sizesOf(tree),
    at: rfc3339(clock.now()),
  }
  return { number, root, files, carried, manifest }
}
