/**
 * Verifies an exported log offline, from its folder alone. The folder contains the checkpoint and
 * exactly the tiles and bundles of a log of that size. A verified bundle belongs to this fleet, and
 * no byte of it was changed, removed or added since an issuing key signed it.
 */
import { asError } from '../as-error.ts'
import { errno } from '../errno.ts'
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../errors.ts'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Fingerprint, FleetId, Sha256 } from '../ids.ts'
import type { Root } from '../trust/root.ts'
import { CHECKPOINT_FILE } from './bundle-layout.ts'
import { type Checkpoint, checkpointKeys, openCheckpoint } from './checkpoint.ts'
import { createEntryChain, type EntryChain } from './entry-chain.ts'
import { auditError } from './errors.ts'
import { MAX_NOTE_BYTES, openNote } from './note.ts'
import {
  decodeBundle,
  hashCount,
  MAX_BUNDLE_BYTES,
  TILE_WIDTH,
  tileLevels,
  tilePath,
  tilesOf,
} from './tile.ts'
import { createTileBuilder, EMPTY_TILES, rootOfTiles, type TileState } from './tile-builder.ts'
import { leafHash, sameHash } from './tree.ts'

/** The number of files of a bundle with 250 million entries. No export writes more. */
const MAX_FILES = 2_000_000

export interface BundleReport {
  readonly fleet: FleetId
  /** The SHA-256 of the last root statement. Compare it with the known root fingerprint. */
  readonly root: Sha256
  readonly rootVersion: number
  readonly operators: readonly { readonly name: string; readonly fingerprint: Fingerprint }[]
  /** The number of entries. */
  readonly size: number
  /** The RFC 6962 root in hex. */
  readonly treeRoot: string
  /**
   * The time of the checkpoint (milliseconds since the epoch), and the issuing key that signed it.
   */
  readonly signedAt: number
  readonly signer: Fingerprint
  /** The keys of hosts that signed outcomes. */
  readonly hostKeys: readonly string[]
}

/**
 * Verifies the whole bundle.
 * @param expect.root the expected digest of the first root statement; without it the bundle is only
 * consistent with itself
 * @throws audit.bundle with the file; audit.entry with the index; audit.note, audit.checkpoint;
 * audit.bundle-missing
 */
export async function verifyBundle(
  folder: string,
  expect: { root?: Sha256; fleet?: FleetId; signal?: AbortSignal } = {},
): Promise<BundleReport> {
  const note = await readNote(folder)
  // The checkpoint isn't verified yet. It only determines how many files to expect.
  const claimed = Number(/^[^\n]*\n([0-9]{1,15})\n/.exec(note)?.[1] ?? Number.NaN)
  if (!(claimed > 0)) throw bad(CHECKPOINT_FILE, 'it has no size')
  await requireFiles(folder, claimed)
  const chain = createEntryChain(expect)
  const tiles = await verifyTiles(folder, claimed, chain, expect.signal)
  const state = chain.root()
  if (state === undefined) throw bad(CHECKPOINT_FILE, 'it has no complete root statement')
  const { checkpoint, signer } = openSigned(note, state.root, tiles)
  const { fleet, operators, version } = state.root
  return {
    fleet,
    root: state.digest,
    rootVersion: version,
    operators: operators.map(({ name, key }) => ({
      name,
      fingerprint: fingerprintOf(Buffer.from(key, 'base64')),
    })),
    size: checkpoint.size,
    treeRoot: Buffer.from(checkpoint.root).toString('hex'),
    signedAt: checkpoint.at,
    signer: fingerprintOf(signer),
    hostKeys: chain.hostKeys(),
  }
}

/** Verifies all entries and tiles of a bundle with `claimed` entries. */
async function verifyTiles(
  folder: string,
  claimed: number,
  chain: EntryChain,
  signal: AbortSignal | undefined,
): Promise<TileState> {
  const builder = createTileBuilder(EMPTY_TILES, async (name, bytes) => {
    // The bundles are the source of the bytes.
    if (name.level === 'entries') return
    const path = tilePath(name)
    const stored = await readBounded(folder, path, bytes.length)
    if (!sameHash(stored, bytes))
      throw bad(path, firstDifference(stored, bytes, name.level, name.index))
  })
  for (const name of tilesOf(claimed)) {
    if (name.level !== 'entries') break
    signal?.throwIfAborted()
    const path = tilePath(name)
    const entries = decodeBundle(await readBounded(folder, path, MAX_BUNDLE_BYTES), name.width)
    if (entries === undefined) throw bad(path, `it does not hold exactly ${name.width} entries`)
    for (const entry of entries) chain.next(entry)
    await builder.add(entries, entries.map(leafHash))
  }
  chain.finish()
  return builder.finish()
}

/** Reads the checkpoint of a bundle. Returns it with the key of its first signer. */
function openSigned(
  note: string,
  { fleet, issuers }: Root,
  tiles: TileState,
): { readonly checkpoint: Checkpoint; readonly signer: Uint8Array } {
  const keys = issuers.map((issuer) => Buffer.from(issuer.key, 'base64'))
  const checkpoint = openCheckpoint(note, { fleet, issuers: keys })
  if (checkpoint.size !== tiles.size)
    throw bad(
      CHECKPOINT_FILE,
      `it covers ${checkpoint.size} entries, but the bundle has ${tiles.size}`,
    )
  if (!sameHash(checkpoint.root, rootOfTiles(tiles)))
    throw bad(CHECKPOINT_FILE, 'its root is not the root of the entries')
  const { lines, signers } = openNote(note, checkpointKeys(fleet, keys))
  const [signer] = signers
  if (signer === undefined || lines !== signers.length)
    throw bad(CHECKPOINT_FILE, 'it has signatures by unknown keys')
  return { checkpoint, signer: signer.publicKey }
}

async function readNote(folder: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readBounded(folder, CHECKPOINT_FILE, MAX_NOTE_BYTES)
  } catch (cause) {
    if (errno(asError(cause).cause) !== 'ENOENT') throw cause
    throw auditError(
      'audit.bundle-missing',
      { folder, reason: `it has no file named ${CHECKPOINT_FILE}` },
      { cause },
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw bad(CHECKPOINT_FILE, 'it is not UTF-8', cause)
  }
}

/** Checks that the folder contains all files of a log of `size` entries and no others. */
async function requireFiles(folder: string, size: number): Promise<void> {
  const found = new Set<string>()
  for await (const path of walk(folder, '')) {
    found.add(path)
    if (found.size > MAX_FILES) throw bad(path, `there are more than ${MAX_FILES} files`)
  }
  // The files are counted before they are listed, because the size is not verified yet.
  let count = 1 + Math.ceil(size / TILE_WIDTH)
  for (let level = 0; level < tileLevels(size); level += 1)
    count += Math.ceil(hashCount(level, size) / TILE_WIDTH)
  if (count > MAX_FILES)
    throw bad(CHECKPOINT_FILE, `it claims ${size} entries, which need more than ${MAX_FILES} files`)
  found.delete(CHECKPOINT_FILE)
  for (const name of tilesOf(size)) {
    const path = tilePath(name)
    if (!found.delete(path)) throw bad(path, 'it is missing')
  }
  for (const path of found) throw bad(path, 'it does not belong here')
}

async function* walk(folder: string, prefix: string): AsyncGenerator<string> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true })
  if (entries.length === 0) throw bad(prefix === '' ? folder : prefix, 'it is an empty folder')
  for (const entry of entries) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) yield* walk(folder, path)
    else if (entry.isFile()) yield path
    else throw bad(path, 'it is neither a file nor a folder')
  }
}

/** Reads a file of the bundle. Its size is checked before allocation. */
async function readBounded(folder: string, path: string, limit: number): Promise<Uint8Array> {
  try {
    const file = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { size } = await file.stat()
      if (size > limit) throw bad(path, `it has ${size} bytes, more than ${limit}`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    throw bad(path, `it cannot be read (${errno(cause) ?? 'unknown'})`, cause)
  }
}

function firstDifference(
  stored: Uint8Array,
  expected: Uint8Array,
  level: number,
  index: number,
): string {
  if (stored.length !== expected.length)
    return `it has ${stored.length} bytes, expected ${expected.length}`
  const at = stored.findIndex((byte, i) => byte !== expected[i])
  const hash = index * TILE_WIDTH + Math.floor(at / 32)
  const first = hash * TILE_WIDTH ** level
  return level === 0
    ? `its hash of entry ${first} does not belong to that entry`
    : `its hash of entries ${first} to ${first + TILE_WIDTH ** level - 1} is not theirs`
}

function bad(file: string, reason: string, cause?: unknown): MusterError {
  return auditError('audit.bundle', { file, reason }, { cause })
}
