/** Compares one entry's row with its copies in the tiles, and with its own bytes. */
import { type Entry, entryTime } from '../../shared/audit/entry.ts'
import { decodeBundle, decodeHashes, TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import { leafHash, sameHash } from '../../shared/audit/tree.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { Tables } from '../database/tables/all.ts'
import type { Findings } from './findings.ts'

type Row = Tables['log_entry']

/** Reads a file of the log; undefined if there is none. */
export type ReadLogFile = (path: string) => Promise<Uint8Array | undefined>

/** The hashes of up to 256 entries in the tiles. */
export interface TiledHashes {
  readonly bundle: readonly (Uint8Array | undefined)[]
  readonly tile: readonly (Uint8Array | undefined)[]
}

const NO_BYTES = new Uint8Array()

export async function readTiledHashes(
  read: ReadLogFile,
  from: number,
  width: number,
  findings: Findings,
): Promise<TiledHashes> {
  if (width === 0) return { bundle: [], tile: [] }
  const index = from / TILE_WIDTH
  const bundlePath = tilePath({ level: 'entries', index, width })
  const hashPath = tilePath({ level: 0, index, width })
  const bundle = decodeBundle((await read(bundlePath)) ?? NO_BYTES, width)
  const tile = decodeHashes((await read(hashPath)) ?? NO_BYTES, width)
  if (bundle === undefined)
    findings.add(from, 'bundle', `${bundlePath} is missing or does not hold ${width} entries`)
  if (tile === undefined)
    findings.add(from, 'tile', `${hashPath} is missing or does not hold ${width} hashes`)
  return { bundle: bundle?.map(leafHash) ?? [], tile: tile ?? [] }
}

/**
 * Compares the row, the bundle and the tile of an entry, and reports the one that differs.
 * @returns the hash to continue with
 */
export function compareCopies(
  row: Row | undefined,
  index: number,
  stored: { bundle: Uint8Array | undefined; tile: Uint8Array | undefined },
  findings: Findings,
): Uint8Array {
  const { bundle, tile } = stored
  if (row === undefined) {
    findings.add(index, 'row', 'its row is missing')
    return tile ?? bundle ?? leafHash(NO_BYTES)
  }
  const computed = leafHash(row.bytes)
  const agrees = (hash: Uint8Array | undefined): boolean =>
    hash === undefined || sameHash(hash, computed)
  if (agrees(row.leaf_hash) && agrees(bundle) && agrees(tile)) return computed
  const wrongHash = 'its bytes do not have the hash that was stored with them'
  if (bundle !== undefined && tile !== undefined && sameHash(bundle, tile)) {
    const isHashed = sameHash(row.leaf_hash, computed)
    findings.add(index, 'row', isHashed ? 'its row is not what was signed' : wrongHash)
    return tile
  }
  if (!agrees(row.leaf_hash)) findings.add(index, 'row', wrongHash)
  else if (agrees(tile)) findings.add(index, 'bundle', 'its bundle holds other bytes than its row')
  else if (agrees(bundle)) findings.add(index, 'tile', 'its tile holds another hash than its row')
  else
    findings.add(
      index,
      'row and tiles',
      'its row, its bundle and its tile have three different hashes',
    )
  return computed
}

/** Returns the first column that contradicts the bytes. */
export function findWrongColumn(row: Row, entry: Entry): string | undefined {
  const fromBytes = {
    at: entryTime(entry),
    type: entry.type,
    operation: entry.operation,
    actor: fingerprintOf(Buffer.from(entry.key, 'base64')),
  }
  const column = (['at', 'type', 'operation', 'actor'] as const).find(
    (name) => row[name] !== fromBytes[name],
  )
  return column && `its column ${column} is ${row[column]}, but its bytes have ${fromBytes[column]}`
}
