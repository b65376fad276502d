/**
 * The log's tiles on this coordinator's disk. They are made from the rows of the database, and they
 * are a second witness against it: a row that was changed after its tile was written is found as
 * soon as that tile is needed again. Proofs are read from here.
 *
 * Only the newest partial tiles are kept; each size that was ever signed can still be proved from
 * the full ones and those.
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
 * Full tiles kept in memory for proofs, 16 KiB each with the nodes above: the upper levels of a log
 * of millions and what is being asked for.
 */
const CACHED_TILES = 128

export interface TileStore {
  /** Entries whose tiles are written. */
  size(): number
  root(): Uint8Array
  /**
   * Writes the tiles of a log of `to` entries, which must have `root`.
   * @throws ledger.damaged where a row is not what its tile says, or the rows do not have the root;
   * then nothing has changed but files
   *   that nobody reads. ledger.storage
   */
  extend(
    to: number,
    root: Uint8Array,
    rows: (from: number, to: number) => Promise<EntryRow[]>,
  ): Promise<void>
  /** Hashes of complete nodes of the tree as far as tiles are written. @throws ledger.damaged */
  readonly nodes: NodeReader
  /** The partial tiles and the partial bundle as they stand on disk, by path. */
  partialTiles(): Promise<Map<string, Uint8Array>>
  /** Forgets partial tiles of earlier sizes. */
  prune(): Promise<void>
}

/**
 * Opens the tiles of a log of `size` entries with `root`.
 * @returns undefined where they are not all there and right: then they must be made again from the
 * rows
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

/** The right-most tile of a level; of width 0 where the last one is full. */
function edgeTile(level: number | 'entries', size: number): TileName {
  const count = level === 'entries' ? size : hashCount(level, size)
  return { level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH }
}

function createTileStore(files: TileFiles, start: TileState): TileStore {
  // Owned by adopt(), replaced together.
  let state = start
  let edges = state.edges.map(tileTree)
  let root = rootOfTiles(state)
  const cache = new Map<string, TileTree>()

  const adopt = (next: TileState): void => {
    state = next
    edges = next.edges.map(tileTree)
    root = rootOfTiles(next)
  }

  const fullTile = async (level: number, index: number): Promise<TileTree> => {
    const path = tilePath({ level, index, width: TILE_WIDTH })
    const cached = cache.get(path)
    if (cached !== undefined) return cached
    const hashes = decodeHashes((await files.read(path)) ?? new Uint8Array(), TILE_WIDTH)
    if (hashes === undefined)
      throw ledgerError('ledger.damaged', {
        index: index * TILE_WIDTH ** (level + 1),
        reason: `${path} is missing or not a tile`,
      })
    const oldest = cache.size >= CACHED_TILES ? cache.keys().next().value : undefined
    if (oldest !== undefined) cache.delete(oldest)
    const tree = tileTree(hashes)
    cache.set(path, tree)
    return tree
  }

  const node = async (wanted: Node): Promise<Uint8Array> => {
    const { tileLevel, tile, row, column } = placeOf(wanted)
    const partial = tile === edgeTile(tileLevel, state.size).index
    const tree = partial ? edges[tileLevel] : await fullTile(tileLevel, tile)
    const hash = tree?.[row]?.[column]
    if (hash === undefined)
      throw auditError('audit.range', {
        what: 'node',
        got: (wanted.index + 1) * 2 ** wanted.level,
        limit: state.size,
      })
    return hash
  }

  const current = (): TileName[] => {
    const levels = Array.from({ length: tileLevels(state.size) }, (_, level) => level)
    return (['entries', ...levels] as const).map((level) => edgeTile(level, state.size))
  }

  return {
    size: () => state.size,
    root: () => root,
    async extend(to, expected, rows) {
      const builder = createTileBuilder(state, (name, bytes) => files.write(tilePath(name), bytes))
      const published = state.edges[0] ?? []
      let from = Math.floor(state.size / TILE_WIDTH) * TILE_WIDTH
      for (; from < to; from += TILE_WIDTH) {
        const batch = await rows(from, Math.min(to, from + TILE_WIDTH))
        const hashes = batch.map((row) => row.hash)
        // Entries that were signed before stand in the same bundle: they must still be the same.
        if (from < state.size)
          for (const [i, hash] of published.entries())
            if (!sameHash(hash, hashes[i] as Uint8Array))
              throw ledgerError('ledger.damaged', {
                index: from + i,
                reason: 'its row is not what was signed',
              })
        await builder.add(
          batch.map((row) => row.bytes),
          hashes,
        )
      }
      const next = await builder.finish()
      // Crash here: tiles of a size that nobody signed. The next start opens the signed size and
      // writes these again.
      if (!sameHash(rootOfTiles(next), expected))
        throw ledgerError('ledger.damaged', {
          index: null,
          reason: `the rows do not have the root that the head says (${to} entries)`,
        })
      adopt(next)
    },
    nodes: (wanted) => Promise.all(wanted.map(node)),
    async partialTiles() {
      const tiles = new Map<string, Uint8Array>()
      for (const path of current().map(tilePath)) {
        const bytes = await files.read(path)
        if (bytes !== undefined) tiles.set(path, bytes)
      }
      return tiles
    },
    prune: () => files.prune(current()),
  }
}
