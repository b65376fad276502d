/**
 * Publishes repository versions. The order is: lay the generation out, write its row (the fence: of
 * two publishers one gets the number), switch the link. The database says what is published;
 * whatever a crash interrupted is brought in line with it by {@link Publisher.recover}.
 */
import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Pool } from '../../../shared/blobs/pool.ts'
import { type Clock, rfc3339 } from '../../../shared/clock.ts'
import { MusterError } from '../../../shared/errors.ts'
import { createLanes } from '../../../shared/concurrency/lanes.ts'
import type { Logger } from '../../../shared/logger.ts'
import type { Healer } from '../content/healer.ts'
import { type ManifestFile, readManifest } from '../content/manifest.ts'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/tables/all.ts'
import { carriedMetadata } from './carried.ts'
import type { Location, Publication, PublishDestination } from './destination.ts'
import { publishError } from './errors.ts'
import { advance, choose, currentPublication, withdraw } from './publications.ts'
import { requireSound } from './sound.ts'

export interface PublisherDeps {
  readonly database: Database
  readonly pool: Pool
  readonly destination: PublishDestination
  readonly clock: Clock
  readonly log: Logger
  /**
   * Brings content that the pool has lost. Without it such content keeps a version from being
   * published.
   */
  readonly healer?: Healer
}

export type { Publication } from './destination.ts'

export interface PublishRequest extends Publication {
  readonly version: number
  readonly signal: AbortSignal
  readonly operation?: string
  /** Of `latest`: the snapshot that an operator puts it on; null follows the newest again. */
  readonly pin?: string | null
  /**
   * More changes in the transaction that makes this the published version, such as an entry of the
   * log.
   */
  readonly also?: (tx: Kysely<Tables>) => Promise<void>
}

export interface Published {
  readonly generation: number
  readonly location: Location
  /** Files of the version; metadata carried on from earlier generations is not counted. */
  readonly files: number
  readonly bytes: number
  /** False if this version was published already, and link and files were right. */
  readonly changed: boolean
  /** Files that were published already and were not what they must be, or ''; laid out again. */
  readonly repaired: readonly string[]
}

/** What {@link Publisher.repair} did about a target. */
export interface Repair {
  readonly repository: string
  readonly target: string
  /** Files that were not what they must be. */
  readonly files: readonly string[]
  /** Why they could not be laid out again; undefined if they were. */
  readonly error?: MusterError
}

export interface Publisher {
  /** @throws publish.target, .conflict, .content, .unsound, .disk, .unknown-version */
  publish(request: PublishRequest): Promise<Published>
  /**
   * Compares what is published with what it must be, and lays out again what was altered. Returns
   * the targets that were altered, those that can't be put right among them. @throws what is no
   * MusterError
   */
  repair(publications: readonly Publication[], signal: AbortSignal): Promise<Repair[]>
  /** Takes a target away: row, link and generations. Absent is fine. */
  withdraw(
    publication: Publication,
    options?: { also?: (tx: Kysely<Tables>) => Promise<void> },
  ): Promise<void>
  /**
   * The same after a failure that the caller reports: what fails here is logged, and withdrawing
   * again removes the rest.
   */
  abandon(
    publication: Publication,
    options?: { also?: (tx: Kysely<Tables>) => Promise<void> },
  ): Promise<void>
  /**
   * Makes the links agree with the database, after a crash between its row and the switch. Called
   * at the start, with where each known target is published. Returns the targets that were put
   * right; one that can't be is logged and left.
   */
  recover(known: readonly Publication[], signal: AbortSignal): Promise<Publication[]>
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { database, destination } = deps
  /** By link: publications of one target run one after another. */
  const lanes = createLanes<string>({ name: 'the queue of publications of a target' })

  const publish = async (
    request: PublishRequest,
    manifests: Manifests = new Map(),
  ): Promise<Published> => {
    const { repository, target, version, signal } = request
    await destination.prepare(request)
    const served = await destination.current(request)
    const { files, root } = await manifestOf(database, { repository, version }, manifests)
    const current = await currentPublication(database.query, request)
    const sizes = { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
    const isThis =
      current?.version === version &&
      current.location === destination.locationOf({ number: current.generation, root })
    const problems = isThis
      ? await destination.problems(request, { location: current.location, files }, signal)
      : []
    const repaired = problems.map(({ path }) => path)
    if (isThis && problems.length === 0) {
      const { generation, location } = current
      // A link that was removed or moved is switched back; the tree is what it must be.
      const changed = location !== served
      if (changed) await destination.switch(request, location)
      await confirm(database, request, generation)
      return { generation, location, changed, repaired, ...sizes }
    }
    for (const { path, reason } of problems)
      deps.log.warn({ repository, target, path, reason }, 'a published file is not what it must be')
    const number = (current?.generation ?? 0) + 1
    await requireSound(deps, request, files)
    const carried = await carriedMetadata(deps, request, files, signal)
    const manifest = manifestText(request, number, root, sizes, deps.clock)
    const location = destination.locationOf({ number, root })
    const generation = { number, root, files, carried, manifest }
    const placed = await destination.build(request, generation, signal)
    signal.throwIfAborted()
    await advance(database, { ...request, number, location })
    // Crash here: the database names the new generation and the link still the old one. recover()
    // switches at the next start.
    await destination.switch(request, location)
    // PB-08: whoever was held up between row and switch may have switched back; the row decides.
    await agree(deps, request)
    await tidy(deps, request, location)
    await deps.pool.flush()
    deps.log.info({ repository, target, version, generation: number, placed }, 'published')
    return { generation: number, location, changed: true, repaired, ...sizes }
  }

  /**
   * The generation that the database names is switched to, or laid out again where somebody has
   * removed it.
   */
  const restore = async (publication: Publication, signal: AbortSignal): Promise<boolean> => {
    const current = await currentPublication(database.query, publication)
    if (current === undefined) return false
    if (await destination.has(publication, current.location)) return agree(deps, publication)
    return (await publish({ ...publication, version: current.version, signal })).changed
  }

  const takeAway = (
    publication: Publication,
    also?: (tx: Kysely<Tables>) => Promise<void>,
  ): Promise<void> =>
    lanes.run(publication.path, async () => {
      await destination.current(publication)
      await withdraw(database, publication, also)
      // Crash here: a link to what the database does not know. recover() is not told of it;
      // withdrawing again removes it.
      await destination.withdraw(publication)
    })

  const repairOne = async (
    publication: Publication,
    manifests: Manifests,
    signal: AbortSignal,
  ): Promise<Repair | undefined> => {
    const { repository, target } = publication
    const current = await currentPublication(database.query, publication)
    if (current === undefined) return undefined
    try {
      const { version } = current
      const { changed, repaired } = await publish({ ...publication, version, signal }, manifests)
      return changed ? { repository, target, files: repaired } : undefined
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      // Another coordinator publishes it at this moment, from verified content.
      if (publishError.is(error, 'publish.conflict')) return undefined
      return { repository, target, files: namedFiles(error), error }
    }
  }

  return {
    publish: (request) => lanes.run(request.path, () => publish(request)),
    withdraw: (publication, options = {}) => takeAway(publication, options.also),
    abandon: (publication, options = {}) =>
      takeAway(publication, options.also).catch((error: unknown) =>
        deps.log.warn({ error, ...publication }, 'what was published before a failure stays'),
      ),
    async repair(publications, signal) {
      const repairs: Repair[] = []
      const manifests: Manifests = new Map()
      for (const publication of publications) {
        signal.throwIfAborted()
        const { path } = publication
        const repair = await lanes.run(path, () => repairOne(publication, manifests, signal))
        if (repair !== undefined) repairs.push(repair)
      }
      return repairs
    },
    async recover(known, signal) {
      const corrected: Publication[] = []
      for (const publication of known) {
        signal.throwIfAborted()
        try {
          if (await lanes.run(publication.path, () => restore(publication, signal)))
            corrected.push(publication)
        } catch (error) {
          deps.log.error({ error, ...publication }, 'a published target could not be put right')
        }
      }
      return corrected
    },
  }
}

/** Records the choice of a version that is published already, with what the caller adds. */
async function confirm(
  database: Database,
  request: PublishRequest,
  generation: number,
): Promise<void> {
  const { pin, also } = request
  if (pin === undefined && also === undefined) return
  await database.transaction(async (tx) => {
    if (pin !== undefined) await choose(tx, { ...request, generation, at: database.clock.now() })
    await also?.(tx)
  })
}

/**
 * Switches the link to the generation that the database names, if it is another and is there. True
 * if it did.
 */
async function agree(deps: PublisherDeps, publication: Publication): Promise<boolean> {
  const { destination } = deps
  const current = await currentPublication(deps.database.query, publication)
  if (current === undefined || current.location === (await destination.current(publication)))
    return false
  deps.log.warn(
    { ...publication, generation: current.generation },
    'the published link did not agree with the database; switching it',
  )
  await destination.switch(publication, current.location)
  return true
}

function namedFiles(error: MusterError): readonly string[] {
  return publishError.is(error, 'publish.content') ? (error.data['files'] as string[]) : []
}

/**
 * What is kept too long costs space and nothing else: it is no reason to call a publication failed.
 */
async function tidy(
  deps: PublisherDeps,
  publication: Publication,
  current: Location,
): Promise<void> {
  try {
    await deps.destination.clean(publication, current)
  } catch (error) {
    const { path } = publication
    deps.log.warn({ error, path }, 'old generations could not be removed')
  }
}

interface Manifest {
  readonly files: readonly ManifestFile[]
  /** See rootOf(). */
  readonly root: string
}

/**
 * The manifest that was read last, by version: snapshots of one version follow each other, and a
 * version never changes.
 */
type Manifests = Map<number, Manifest>

async function manifestOf(
  database: Database,
  { repository, version }: { repository: string; version: number },
  manifests: Manifests,
): Promise<Manifest> {
  const row = await database.query
    .selectFrom('repository_version')
    .select('id')
    .where('id', '=', version)
    .where('repository', '=', repository)
    .executeTakeFirst()
  if (row === undefined) throw publishError('publish.unknown-version', { repository, version })
  const known = manifests.get(version)
  if (known !== undefined) return known
  const files = await readManifest(database.query, version)
  const manifest = { files, root: rootOf(files) }
  manifests.clear()
  manifests.set(version, manifest)
  return manifest
}

/**
 * SHA-256 over every path and blob of a version, in order of path: two trees with one root are the
 * same tree.
 */
function rootOf(files: readonly ManifestFile[]): string {
  const hash = createHash('sha256')
  const lines = files.map((file) => `${file.blob} ${file.size} ${file.path}\n`)
  for (const line of lines.sort()) hash.update(line)
  return hash.digest('hex')
}

function manifestText(
  request: PublishRequest,
  generation: number,
  root: string,
  sizes: { files: number; bytes: number },
  clock: Clock,
) {
  const { repository, target, version, operation = null } = request
  return {
    repository,
    target,
    version,
    generation,
    root,
    operation,
    ...sizes,
    at: rfc3339(clock.now()),
  }
}
