/**
 * The log's tiles on this coordinator's disk. They are made from the rows of the database and are a
 * second witness: a row that was changed after its tile was written is found when that tile is next
 * used. Proofs are read from here.
 *
 * Only the newest partial tiles are kept. They and the full tiles prove every size that was signed.
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
 * Full tiles kept in memory for proofs, 16 KiB each with the nodes above them. They hold the upper
 * levels of a log of millions of entries, and the parts that are read often.
 */
const CACHED_TILES = 128

export interface TileStore {
  /** Number of entries whose tiles are written. */
  size(): number
  root(): Uint8Array
  /**
   * Writes the tiles of a log of `to` entries, which must have `root`. A failed call changes only
   * files that are never read.
   * @throws ledger.storage, and ledger.damaged if a row doesn't match its tile or the rows don't
   * have the root
   */
  extend(
    to: number,
    root: Uint8Array,
    rows: (from: number, to: number) => Promise<EntryRow[]>,
  ): Promise<void>
  /** Hashes of complete nodes of the tree, as far as tiles are written. @throws ledger.damaged */
  readonly nodes: NodeReader
  /** The partial tiles and the partial bundle on disk, by path. */
  partialTiles(): Promise<Map<string, Uint8Array>>
  /** Removes partial tiles of earlier sizes. */
  prune(): Promise<void>
}

/**
 * Opens the tiles of a log of `size` entries with `root`.
 * @returns undefined if some are missing or wrong; then they must be rebuilt from the rows
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

/** The right-most tile of a level; its width is 0 if the last tile is full. */
function edgeTile(level: number | 'entries', size: number): TileName {
  const count = level === 'entries' ? size : hashCount(level, size)
  return { level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH }
}

function createTileStore(files: TileFiles, start: TileState): TileStore {
  // Owned by adopt(), which replaces all of it together.
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
        // The same bundle holds entries that were signed before. They must not have changed.
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
      // Crash here: tiles exist for a size that was never signed. The next start opens the signed
      // size and writes these tiles again.
      if (!sameHash(rootOfTiles(next), expected))
        throw ledgerError('ledger.damaged', {
          index: null,
          reason: `the rows do not have the root of the head (${to} entries)`,
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
