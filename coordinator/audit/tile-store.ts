/**
 * The log's tiles on this coordinator's disk, made from the rows of the database. Proofs are read
 * from them. They also show a row that was changed after its tile was written, when that tile is
 * used again.
 *
 * Only the newest partial tiles are kept. Together with the full tiles they prove every signed
 * size.
 */
import { auditError } from '../../shared/audit/errors.ts'
import type { NodeReader } from '../../shared/audit/proof.ts'
import {
  decodeHashes,
  hashCount,
  TILE_WIDTH,
  tileLevels,
  tilePath,
  type TileName,
} from '../../shared/audit/tile.ts'
import {
  createTileBuilder,
  EMPTY_TILES,
  placeOf,
  rootOfTiles,
  type TileState,
  type TileTree,
  tileTree,
} from '../../shared/audit/tile-builder.ts'
import { type Node, sameHash } from '../../shared/audit/tree.ts'
import { ledgerError } from './errors.ts'
import type { EntryRow } from './rows.ts'
import type { TileFiles } from './tile-files.ts'

/**
 * The number of full tiles that are kept in memory for proofs (16 KiB each with the nodes above
 * them). It is enough for the upper levels of a log of millions of entries, and for frequent reads.
 */
const CACHED_TILES = 128

/** Reads entries `from` to `to` (exclusive). */
export type ReadRows = (from: number, to: number) => Promise<EntryRow[]>

export interface TileStore {
  /** Returns the number of entries whose tiles are written. */
  size(): number
  root(): Uint8Array
  /**
   * Writes the tiles of a log of `to` entries, which must have `root`. A failed call changes only
   * files that are never read.
   * @throws ledger.storage, and ledger.damaged if a row doesn't match its tile or the rows don't
   * have the root
   */
  extend(to: number, root: Uint8Array, rows: ReadRows): Promise<void>
  /** Reads hashes of complete tree nodes whose tiles are written. @throws ledger.damaged */
  readonly nodes: NodeReader
  /** Returns the partial tiles and the partial bundle on disk, by path. */
  partialTiles(): Promise<Map<string, Uint8Array>>
  /** Removes partial tiles of earlier sizes. */
  prune(): Promise<void>
}

/**
 * Opens the tiles of a log of `size` entries with `root`.
 * @returns undefined if tiles are missing or wrong; then build them again from the rows
 */
export async function openTileStore(
  files: TileFiles,
  head: { size: number; root: Uint8Array },
): Promise<TileStore | undefined> {
  const edges: Uint8Array[][] = []
  for (let level = 0; level < tileLevels(head.size); level += 1) {
    const { index, width } = edgeTile(level, head.size)
    const bytes =
      width === 0 ? new Uint8Array() : await files.read(tilePath({ level, index, width }))
    const hashes = bytes && decodeHashes(bytes, width)
    if (hashes === undefined) return undefined
    edges.push(hashes)
  }
  const state = { size: head.size, edges }
  return sameHash(rootOfTiles(state), head.root) ? createTileStore(files, state) : undefined
}

export function emptyTileStore(files: TileFiles): TileStore {
  return createTileStore(files, EMPTY_TILES)
}

/** Returns the right-most tile of a level; its width is 0 if the last tile is full. */
function edgeTile(level: number | 'entries', size: number): TileName {
  const count = level === 'entries' ? size : hashCount(level, size)
  return { level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH }
}

function createTileStore(files: TileFiles, start: TileState): TileStore {
  // Only extend() replaces it, as a whole.
  let view = viewOf(start)
  const fullTiles = new FullTiles(files)
  return {
    size: () => view.state.size,
    root: () => view.root,
    async extend(to, root, rows) {
      view = viewOf(await writeTiles(files, view.state, { to, root, rows }))
    },
    nodes: (wanted) => Promise.all(wanted.map((node) => readNode(view, fullTiles, node))),
    partialTiles: () => readPartialTiles(files, view.state.size),
    prune: () => files.prune(edgeTiles(view.state.size)),
  }
}

/** The right-most tiles with the nodes above them. */
interface TileView {
  readonly state: TileState
  readonly edges: readonly TileTree[]
  readonly root: Uint8Array
}

const viewOf = (state: TileState): TileView => ({
  state,
  edges: state.edges.map(tileTree),
  root: rootOfTiles(state),
})

/** Keeps full tiles with the nodes above them. The oldest tile is removed first. */
class FullTiles {
  readonly #files: TileFiles
  readonly #cached = new Map<string, TileTree>()

  constructor(files: TileFiles) {
    this.#files = files
  }

  /** @throws ledger.damaged */
  async read(level: number, index: number): Promise<TileTree> {
    const path = tilePath({ level, index, width: TILE_WIDTH })
    const cached = this.#cached.get(path)
    if (cached !== undefined) return cached
    const hashes = decodeHashes((await this.#files.read(path)) ?? new Uint8Array(), TILE_WIDTH)
    if (hashes === undefined)
      throw ledgerError('ledger.damaged', {
        index: index * TILE_WIDTH ** (level + 1),
        reason: `${path} is missing or not a tile`,
      })
    const tree = tileTree(hashes)
    this.#keep(path, tree)
    return tree
  }

  #keep(path: string, tree: TileTree): void {
    const [oldest] = this.#cached.keys()
    if (oldest !== undefined && this.#cached.size >= CACHED_TILES) this.#cached.delete(oldest)
    this.#cached.set(path, tree)
  }
}

async function readNode(view: TileView, fullTiles: FullTiles, wanted: Node): Promise<Uint8Array> {
  const { tileLevel, tile, row, column } = placeOf(wanted)
  const isEdge = tile === edgeTile(tileLevel, view.state.size).index
  const tree = isEdge ? view.edges[tileLevel] : await fullTiles.read(tileLevel, tile)
  const hash = tree?.[row]?.[column]
  if (hash === undefined)
    throw auditError('audit.range', {
      what: 'node',
      got: (wanted.index + 1) * 2 ** wanted.level,
      limit: view.state.size,
    })
  return hash
}

/** Returns the right-most bundle, and the right-most tile of each level. */
function edgeTiles(size: number): TileName[] {
  const levels = Array.from({ length: tileLevels(size) }, (_, level) => level)
  return (['entries', ...levels] as const).map((level) => edgeTile(level, size))
}

async function readPartialTiles(files: TileFiles, size: number): Promise<Map<string, Uint8Array>> {
  const tiles = new Map<string, Uint8Array>()
  for (const path of edgeTiles(size).map(tilePath)) {
    const bytes = await files.read(path)
    if (bytes !== undefined) tiles.set(path, bytes)
  }
  return tiles
}

/** Writes the tiles from the end of `state` to a log of `to` entries, which must have `root`. */
async function writeTiles(
  files: TileFiles,
  state: TileState,
  { to, root, rows }: { readonly to: number; readonly root: Uint8Array; readonly rows: ReadRows },
): Promise<TileState> {
  const builder = createTileBuilder(state, (name, bytes) => files.write(tilePath(name), bytes))
  let from = Math.floor(state.size / TILE_WIDTH) * TILE_WIDTH
  for (; from < to; from += TILE_WIDTH) {
    const batch = await rows(from, Math.min(to, from + TILE_WIDTH))
    // The last bundle also contains entries that were signed before.
    if (from < state.size) requireUnchanged(batch, from, state.edges[0] ?? [])
    await builder.add(
      batch.map((row) => row.bytes),
      batch.map((row) => row.hash),
    )
  }
  const next = await builder.finish()
  // Crash here: tiles exist for a size that was never signed. The next start opens the signed size
  // and writes these tiles again.
  if (!sameHash(rootOfTiles(next), root))
    throw ledgerError('ledger.damaged', {
      index: null,
      reason: `the rows do not have the root of the head (${to} entries)`,
    })
  return next
}

/** @throws ledger.damaged if a row has another hash than the tile that was signed */
function requireUnchanged(
  rows: readonly EntryRow[],
  from: number,
  signed: readonly Uint8Array[],
): void {
  for (const [position, hash] of signed.entries()) {
    const row = rows[position]
    if (row === undefined || !sameHash(hash, row.hash))
      throw ledgerError('ledger.damaged', {
        index: from + position,
        reason: 'its row is not what was signed',
      })
  }
}
