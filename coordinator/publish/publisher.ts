/**
 * Publishes repository versions. The order is: lay the generation out, write its row (the fence: of two publishers one gets the number),
 * switch the link. The database says what is published; whatever a crash interrupted is brought in line with it by {@link Publisher.recover}.
 */
import { createHash } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { Pool } from '../../shared/blobs/pool.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { type ManifestFile, readManifest } from '../content/manifest.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables.ts'
import { carriedMetadata } from './carried.ts'
import { cleanUp } from './cleanup.ts'
import { publishError } from './errors.ts'
import { generationName, type Layout, layoutOf } from './layout.ts'
import { advance, choose, currentPublication, withdraw } from './publications.ts'
import { currentGeneration, prepareTarget, removeLink, switchTo } from './switch.ts'
import { buildTree } from './tree.ts'

export interface PublisherDeps {
  readonly database: Database
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface Publication {
  readonly repository: string
  /** `latest`, or a snapshot's name. */
  readonly target: string
  /** The link: `publish.latest_path`, or `publish.snapshots_path` and the name. */
  readonly path: string
}

export interface PublishRequest extends Publication {
  readonly version: number
  readonly signal: AbortSignal
  readonly operation?: string
  /** Of `latest`: the snapshot that an operator puts it on; null follows the newest again. */
  readonly pin?: string | null
  /** More changes in the transaction that makes this the published version, such as an entry of the log. */
  readonly also?: (tx: Kysely<Tables>) => Promise<void>
}

export interface Published {
  readonly generation: number
  readonly folder: string
  /** Files of the version; metadata carried on from earlier generations is not counted. */
  readonly files: number
  readonly bytes: number
  /** False if this version was published already, and the link was right. */
  readonly changed: boolean
}

export interface Publisher {
  /** @throws publish.target, .conflict, .missing-blob, .unsound, .disk, .unknown-version */
  publish(request: PublishRequest): Promise<Published>
  /** Takes a target away: row, link and generations. Absent is fine. */
  withdraw(
    publication: Publication,
    options?: { also?: (tx: Kysely<Tables>) => Promise<void> },
  ): Promise<void>
  /**
   * Makes the links agree with the database, after a crash between its row and the switch. Called at the start, with where each known
   * target is published. Returns the targets that were put right; one that can't be is logged and left.
   */
  recover(known: readonly Publication[], signal: AbortSignal): Promise<Publication[]>
}

export function createPublisher(deps: PublisherDeps): Publisher {
  const { database } = deps
  // Owned by inTurn(): the last publication of each link, so that two of one target follow each other.
  const turns = new Map<string, Promise<unknown>>()
  const inTurn = async <T>(link: string, work: () => Promise<T>): Promise<T> => {
    const turn = (turns.get(link) ?? Promise.resolve()).then(work, work)
    const settled = turn.catch(() => {})
    turns.set(link, settled)
    try {
      return await turn
    } finally {
      if (turns.get(link) === settled) turns.delete(link)
    }
  }

  const publish = async (request: PublishRequest): Promise<Published> => {
    const { repository, target, version, signal } = request
    const layout = layoutOf(request.path)
    await prepareTarget(layout)
    const linked = await currentGeneration(layout)
    const files = await manifestOf(database, repository, version)
    const root = rootOf(files)
    const current = await currentPublication(database.query, request)
    const sizes = { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
    const isThis =
      current?.version === version && current.folder === generationName(current.generation, root)
    if (isThis && current.folder === linked && (await isWhole(layout, linked))) {
      await confirm(database, request, current.generation)
      return { generation: current.generation, folder: current.folder, changed: false, ...sizes }
    }
    const number = (current?.generation ?? 0) + 1
    const carried = await carriedMetadata(deps, request, files)
    const built = await buildTree(
      deps,
      layout,
      {
        number,
        root,
        files: [...files, ...carried],
        manifest: manifestText(request, number, root, sizes, deps.clock),
      },
      signal,
    )
    signal.throwIfAborted()
    await advance(database, { ...request, number, folder: built.name })
    // Crash here: the database names the new generation and the link still the old one. recover() switches at the next start.
    await switchTo(deps, layout, built.name)
    // PB-08: whoever was held up between row and switch may have switched back; the row decides.
    await agree(deps, request, layout)
    await tidy(deps, layout, built.name)
    deps.log.info(
      { repository, target, version, generation: number, placed: built.placed },
      'published',
    )
    return { generation: number, folder: built.name, changed: true, ...sizes }
  }

  /** The generation that the database names is switched to, or laid out again where somebody has removed it. */
  const restore = async (
    publication: Publication,
    layout: Layout,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const current = await currentPublication(database.query, publication)
    if (current === undefined) return false
    if (await isWhole(layout, current.folder)) return agree(deps, publication, layout)
    return (await publish({ ...publication, version: current.version, signal })).changed
  }

  return {
    publish: (request) => inTurn(layoutOf(request.path).link, () => publish(request)),
    withdraw: (publication, options = {}) =>
      inTurn(layoutOf(publication.path).link, async () => {
        const layout = layoutOf(publication.path)
        await currentGeneration(layout)
        await withdraw(database, publication, options.also)
        // Crash here: a link to what the database does not know. recover() is not told of it; withdrawing again removes it.
        await removeLink(layout)
        await cleanUp(deps, layout, undefined)
      }),
    async recover(known, signal) {
      const corrected: Publication[] = []
      for (const publication of known) {
        signal.throwIfAborted()
        const layout = layoutOf(publication.path)
        try {
          if (await inTurn(layout.link, () => restore(publication, layout, signal)))
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

/** Switches the link to the generation that the database names, if it is another and is there. True if it did. */
async function agree(
  deps: PublisherDeps,
  publication: Publication,
  layout: Layout,
): Promise<boolean> {
  const current = await currentPublication(deps.database.query, publication)
  if (current === undefined || current.folder === (await currentGeneration(layout))) return false
  deps.log.warn(
    { ...publication, generation: current.generation },
    'the published link did not agree with the database; switching it',
  )
  await switchTo(deps, layout, current.folder)
  return true
}

/** A generation gets its name only once it is whole, so the manifest inside says that it is still there. */
async function isWhole(layout: Layout, name: string): Promise<boolean> {
  const stats = await lstat(join(layout.generations, name, 'MANIFEST')).catch(() => undefined)
  return stats?.isFile() === true
}

/** What is kept too long costs space and nothing else: it is no reason to call a publication failed. */
async function tidy(deps: PublisherDeps, layout: Layout, current: string): Promise<void> {
  try {
    await cleanUp(deps, layout, current)
  } catch (error) {
    deps.log.warn({ error, path: layout.generations }, 'old generations could not be removed')
  }
}

async function manifestOf(
  database: Database,
  repository: string,
  version: number,
): Promise<ManifestFile[]> {
  const row = await database.query
    .selectFrom('repository_version')
    .select('id')
    .where('id', '=', version)
    .where('repository', '=', repository)
    .executeTakeFirst()
  if (row === undefined) throw publishError('publish.unknown-version', { repository, version })
  return readManifest(database.query, version)
}

/** SHA-256 over every path and blob of a version, in order of path: two trees with one root are the same tree. */
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
