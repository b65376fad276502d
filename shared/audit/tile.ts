/**
 * The files of a log (C2SP tlog-tiles): tiles of 256 hashes at every eighth level of the tree, and
 * bundles of 256 entries. Only the right-most tile of a level is partial. The coordinator's disk
 * and an exported bundle have the same layout.
 */
import { auditError } from './errors.ts'
import { HASH_BYTES } from './tree.ts'

/** The number of hashes in a full tile, and of entries in a full bundle. */
export const TILE_WIDTH = 256
/** A tile spans eight levels of the tree. */
export const TILE_HEIGHT = 8
/** The largest entry. Its length is an unsigned 16-bit number. */
export const MAX_ENTRY_BYTES = 65_535
/** The largest bundle of entries. */
export const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES)

/** A tile of hashes at a tile level, or a bundle of entries. */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  /** The number of hashes or entries: 256, or fewer in a partial one. */
  readonly width: number
}

/** Formats a path: `tile/0/x001/x234/067`, `tile/entries/000.p/12`. */
export function tilePath({ level, index, width }: TileName): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0')
  const groups = digits.match(/.{3}/g) ?? []
  const encoded = groups
    .map((group, i) => (i === groups.length - 1 ? group : `x${group}`))
    .join('/')
  return `tile/${level}/${encoded}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Returns the number of tile levels in a log of `size` entries. */
export function tileLevels(size: number): number {
  let levels = 0
  for (let count = size; count > 0; count = Math.floor(count / TILE_WIDTH)) levels += 1
  return levels
}

/** Returns the number of hashes in all tiles of a level, in a log of `size` entries. */
export function hashCount(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** Returns exactly the tiles and bundles of a log of `size` entries. */
export function* tilesOf(size: number): Generator<TileName> {
  yield* widths('entries', size)
  for (let level = 0; level < tileLevels(size); level += 1)
    yield* widths(level, hashCount(level, size))
}

function* widths(level: TileName['level'], count: number): Generator<TileName> {
  for (let index = 0; index * TILE_WIDTH < count; index += 1)
    yield { level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) }
}

/** Encodes a bundle: each entry after its length, 16 bits, most significant byte first. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES)
        throw auditError('audit.entry', {
          index: null,
          reason: `it has ${entry.length} bytes, more than ${MAX_ENTRY_BYTES}`,
        })
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]
    }),
  )
}

/**
 * Returns the entries of a bundle. Undefined unless it contains exactly `width` entries and no
 * other bytes.
 */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  let at = 0
  while (at + 2 <= bytes.length && entries.length < width) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    if (at + 2 + length > bytes.length) return undefined
    entries.push(bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return at === bytes.length && entries.length === width ? entries : undefined
}

/** Returns the hashes of a tile. Undefined unless it contains exactly `width` of them. */
export function decodeHashes(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  if (bytes.length !== width * HASH_BYTES) return undefined
  return Array.from({ length: width }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
}
