/**
 * Verifies the whole log on the coordinator. It compares every row with its hash, columns,
 * signature and tiles, and every tile, checkpoint and the head with the tree. It continues after a
 * finding, so the report names every wrong entry.
 */
import type { Kysely } from 'kysely'
import { asError } from '../../shared/as-error.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { createEntryChain, type EntryChain } from '../../shared/audit/entry-chain.ts'
import { TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import {
  createTileBuilder,
  EMPTY_TILES,
  type TileBuilder,
} from '../../shared/audit/tile-builder.ts'
import {
  append,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  sameHash,
} from '../../shared/audit/tree.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'
import { type Finding, Findings, MAX_FINDINGS } from './findings.ts'
import { readHead } from './head.ts'
import { CheckpointCheck } from './verify-checkpoints.ts'
import {
  compareCopies,
  findWrongColumn,
  type ReadLogFile,
  readTiledHashes,
} from './verify-entry.ts'

export interface VerifyReport {
  readonly ok: boolean
  /** Number of entries according to the head row. */
  readonly size: number
  /** Computed root of these entries, in hex. */
  readonly root: string
  /** Number of entries that the newest checkpoint covers. */
  readonly signed: number
  readonly checkpoints: number
  /** At most {@link MAX_FINDINGS}. */
  readonly findings: readonly Finding[]
}

export interface VerifyDeps {
  readonly query: Kysely<Tables>
  readonly fleet: FleetId
  readonly read: ReadLogFile
}

export interface VerifyOptions {
  /** Number of entries whose tiles are on disk. */
  readonly tiles: number
  /** This coordinator's checkpoint, which the log must contain. */
  readonly published: Checkpoint | undefined
  readonly signal?: AbortSignal | undefined
}

/** The state of one verification. Each entry extends it. */
interface Walk {
  readonly chain: EntryChain
  readonly frontier: Frontier
  readonly checkpoints: CheckpointCheck
  readonly findings: Findings
}

export async function verifyLog(deps: VerifyDeps, options: VerifyOptions): Promise<VerifyReport> {
  const { query, fleet } = deps
  const { tiles, published, signal } = options
  const findings = new Findings()
  const extent = await readExtent(query, findings)
  const size = Math.max(extent, tiles, published?.size ?? 0)
  const rows = await query.selectFrom('checkpoint').selectAll().orderBy('size').execute()
  const checkpoints = new CheckpointCheck({ fleet, rows, published }, findings)
  const chain = createEntryChain({ fleet })
  const frontier = emptyFrontier()
  const upperTiles = compareUpperTiles(deps.read, findings)
  for (let from = 0; from < size; from += TILE_WIDTH) {
    signal?.throwIfAborted()
    const tiled = Math.max(0, Math.min(tiles - from, TILE_WIDTH))
    const page = { from, end: Math.min(from + TILE_WIDTH, size), tiled }
    const hashes = await checkPage(deps, { chain, frontier, checkpoints, findings }, page)
    await addPage(upperTiles, hashes.slice(0, tiled))
  }
  await upperTiles.finish()
  findings.attempt(null, 'statement', () => chain.finish())
  const root = frontierRoot(frontier)
  const signed = rows.at(-1)?.size ?? 0
  await compareHead(query, { size: frontier.size, root, signed }, findings)
  return {
    ok: findings.isEmpty,
    size: extent,
    root: Buffer.from(root).toString('hex'),
    signed,
    checkpoints: rows.length,
    findings: findings.list,
  }
}

/** Checks the entries of one bundle. @returns their hashes */
async function checkPage(
  { query, read }: VerifyDeps,
  { chain, frontier, checkpoints, findings }: Walk,
  { from, end, tiled }: { readonly from: number; readonly end: number; readonly tiled: number },
): Promise<Uint8Array[]> {
  const found = await query
    .selectFrom('log_entry')
    .selectAll()
    .where('index', '>=', from)
    .where('index', '<', end)
    .orderBy('index')
    .execute()
  const rows = new Map(found.map((row) => [row.index, row]))
  const stored = await readTiledHashes(read, from, tiled, findings)
  const hashes: Uint8Array[] = []
  for (let index = from; index < end; index += 1) {
    const row = rows.get(index)
    const copies = { bundle: stored.bundle[index - from], tile: stored.tile[index - from] }
    const hash = compareCopies(row, index, copies, findings)
    const entry = row && findings.attempt(index, 'statement', () => chain.next(row.bytes))
    const wrong = row && entry && findWrongColumn(row, entry)
    if (wrong !== undefined) findings.add(index, 'statement', wrong)
    hashes.push(hash)
    append(frontier, hash)
    checkpoints.compare(frontier, chain)
  }
  return hashes
}

/**
 * Returns a builder that compares the tiles above level 0 with the stored ones. checkPage()
 * compares level 0 and the bundles.
 */
function compareUpperTiles(read: ReadLogFile, findings: Findings): TileBuilder {
  return createTileBuilder(EMPTY_TILES, async (name, bytes) => {
    if (name.level === 'entries' || name.level === 0) return
    const path = tilePath(name)
    const stored = await read(path)
    if (stored !== undefined && sameHash(stored, bytes)) return
    const first = name.index * TILE_WIDTH ** (name.level + 1)
    findings.add(first, 'tile', `${path} is not made of the tiles below it`)
  })
}

const NO_ENTRY = new Uint8Array()

/** Adds a page to the builder, which needs only the number of entries and no bytes. */
async function addPage(builder: TileBuilder, hashes: readonly Uint8Array[]): Promise<void> {
  if (hashes.length === 0) return
  await builder.add(
    hashes.map(() => NO_ENTRY),
    hashes,
  )
}

/**
 * Reads the number of entries from the head row. Reports rows after that end. If the head is
 * missing, returns the number of rows.
 */
async function readExtent(query: Kysely<Tables>, findings: Findings): Promise<number> {
  // One statement reads both, so that a concurrent append doesn't look like an extra row.
  const row = await query
    .selectFrom('log_entry')
    .select((select) => [
      select.fn.max<number | null>('index').as('last'),
      select.selectFrom('log_head').select('size').where('id', '=', 1).as('size'),
    ])
    .executeTakeFirstOrThrow()
  const rows = (row.last ?? -1) + 1
  if (row.size === null) findings.add(null, 'head', 'the head row is gone')
  else if (rows > row.size)
    for (let index = row.size; index < Math.min(rows, row.size + MAX_FINDINGS); index += 1)
      findings.add(index, 'row', 'it is after the end of the log')
  return row.size ?? rows
}

async function compareHead(
  query: Kysely<Tables>,
  found: { size: number; root: Uint8Array; signed: number },
  findings: Findings,
): Promise<void> {
  try {
    const head = await readHead(query)
    const known = Math.max(found.size, found.signed)
    if (head.size < known)
      findings.add(null, 'head', `the head counts ${head.size} entries, but ${known} were signed`)
    else if (head.size === found.size && !sameHash(head.root, found.root) && findings.isEmpty)
      findings.add(null, 'head', 'its root is not the root of the entries')
  } catch (error) {
    findings.add(null, 'head', asError(error).message)
  }
}
