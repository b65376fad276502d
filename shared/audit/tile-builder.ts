/**
 * Builds the tiles of a growing log in order, 256 entries at a time. The coordinator writes them to
 * its disk, an export writes them to its folder, and verification compares them with the bundle's
 * files.
 */
import { requireDefined } from '../require-defined.ts'
import { encodeBundle, TILE_HEIGHT, TILE_WIDTH, type TileName } from './tile.ts'
import { joinSubtrees, type Node, nodesAbove, perfectRoot, subtrees } from './tree.ts'

/** The state from which the tiles of a log can be continued. */
export interface TileState {
  readonly size: number
  /**
   * For each tile level, the hashes of its right-most partial tile. Empty if the last tile is full.
   */
  readonly edges: readonly (readonly Uint8Array[])[]
}

export const EMPTY_TILES: TileState = { size: 0, edges: [] }

export type WriteTile = (name: TileName, bytes: Uint8Array) => Promise<void>

export interface TileBuilder {
  /**
   * Adds one bundle with all its entries, including those added before, up to 256.
   * @param hashes the entries' leaf hashes
   */
  add(entries: readonly Uint8Array[], hashes: readonly Uint8Array[]): Promise<void>
  /** Writes the partial tiles that changed. */
  finish(): Promise<TileState>
}

export function createTileBuilder(start: TileState, write: WriteTile): TileBuilder {
  let { size } = start
  const edges = start.edges.map((hashes) => [...hashes])
  const dirty = new Set<number>()

  /** Adds the hash of a full tile to the level above, recursively. */
  const carry = async (level: number, hash: Uint8Array): Promise<void> => {
    edges[level] ??= []
    const edge = edges[level]
    edge.push(hash)
    dirty.add(level)
    if (edge.length < TILE_WIDTH) return
    await write(
      { level, index: Math.floor(size / TILE_WIDTH ** (level + 1)) - 1, width: TILE_WIDTH },
      Buffer.concat(edge),
    )
    edges[level] = []
    dirty.delete(level)
    await carry(level + 1, perfectRoot(edge))
  }

  return {
    async add(entries, hashes) {
      const index = Math.floor(size / TILE_WIDTH)
      const width = entries.length
      await Promise.all([
        write({ level: 'entries', index, width }, encodeBundle(entries)),
        write({ level: 0, index, width }, Buffer.concat(hashes)),
      ])
      size = index * TILE_WIDTH + width
      if (width < TILE_WIDTH) {
        edges[0] = [...hashes]
      } else {
        edges[0] = []
        await carry(1, perfectRoot(hashes))
      }
    },
    async finish() {
      for (const level of [...dirty].sort((a, b) => a - b)) {
        const edge = edges[level] ?? []
        await write(
          { level, index: Math.floor(size / TILE_WIDTH ** (level + 1)), width: edge.length },
          Buffer.concat(edge),
        )
      }
      dirty.clear()
      return { size, edges: edges.map((hashes) => [...hashes]) }
    },
  }
}

/** The complete nodes over a tile's hashes. `[r][i]` covers 2^r of them. */
export type TileTree = readonly (readonly Uint8Array[])[]

export function tileTree(hashes: readonly Uint8Array[]): TileTree {
  let top = [...hashes]
  const levels = [top]
  while (top.length > 1) {
    top = nodesAbove(top)
    levels.push(top)
  }
  return levels
}

/** The place of a node: its tile, and the position in the tile's {@link TileTree}. */
export function placeOf({ level, index }: Node): {
  tileLevel: number
  tile: number
  row: number
  column: number
} {
  const tileLevel = Math.floor(level / TILE_HEIGHT)
  const row = level % TILE_HEIGHT
  const perTile = TILE_WIDTH / 2 ** row
  return { tileLevel, tile: Math.floor(index / perTile), row, column: index % perTile }
}

/**
 * Returns the root of the log. Each of its subtrees ends at the right edge, so the partial tiles
 * are enough.
 */
export function rootOfTiles(state: TileState): Uint8Array {
  const trees = state.edges.map(tileTree)
  return joinSubtrees(
    subtrees(0, state.size).map((node) => {
      const { tileLevel, row, column } = placeOf(node)
      return requireDefined(trees[tileLevel]?.[row]?.[column], 'the edges have every subtree')
    }),
  )
}
