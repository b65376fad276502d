/**
 * Checking an exported log with nothing but its folder: no network, no database, no clock. The
 * folder holds the checkpoint and exactly the tiles and bundles of a log of that size. What passes
 * is a log that this fleet's operators founded, of which no byte was changed, left out or added
 * since an issuing key signed it.
 */
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../errors.ts'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Fingerprint, FleetId, Sha256 } from '../ids.ts'
import { CHECKPOINT_FILE } from './bundle-layout.ts'
import { checkpointKeys, openCheckpoint } from './checkpoint.ts'
import { createEntryChain } from './entry-chain.ts'
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
import { createTileBuilder, EMPTY_TILES, rootOfTiles } from './tile-builder.ts'
import { leafHash, sameHash } from './tree.ts'

/** Files in a bundle of 250 million entries; a folder with more was not written by an export. */
const MAX_FILES = 2_000_000

export interface BundleReport {
  readonly fleet: FleetId
  /**
   * SHA-256 of the root statement that stands at the end: compare it with the root fingerprint that
   * you know.
   */
  readonly root: Sha256
  readonly rootVersion: number
  readonly operators: readonly { readonly name: string; readonly fingerprint: Fingerprint }[]
  /** Entries. */
  readonly size: number
  /** RFC 6962 root, hex. */
  readonly treeRoot: string
  /** When the checkpoint was signed, milliseconds since the epoch, and by which issuing key. */
  readonly signedAt: number
  readonly signer: Fingerprint
  /** Keys of hosts that signed outcomes. */
  readonly hostKeys: readonly string[]
}

/**
 * Checks the whole bundle.
 * @param expect.root refuses a log whose first root statement has another digest: without it the
 * bundle proves itself only
 * @throws audit.bundle, naming the file; audit.entry, naming the index; audit.note,
 * audit.checkpoint; audit.bundle-missing
 */
export async function verifyBundle(
  folder: string,
  expect: { root?: Sha256; fleet?: FleetId; signal?: AbortSignal } = {},
): Promise<BundleReport> {
  const note = await readNote(folder)
  // Not trusted yet: it only says how many files there should be.
  const claimed = Number(/^[^\n]*\n([0-9]{1,15})\n/.exec(note)?.[1] ?? Number.NaN)
  if (!(claimed > 0)) throw bad(CHECKPOINT_FILE, 'it does not tell a size')
  await requireFiles(folder, claimed)
  const chain = createEntryChain(expect)
  const builder = createTileBuilder(EMPTY_TILES, async (name, bytes) => {
    // The bundles themselves are where the bytes come from.
    if (name.level === 'entries') return
    const path = tilePath(name)
    const stored = await readBounded(folder, path, bytes.length)
    if (!sameHash(stored, bytes))
      throw bad(path, firstDifference(stored, bytes, name.level, name.index))
  })
  for (const name of tilesOf(claimed)) {
    if (name.level !== 'entries') break
    expect.signal?.throwIfAborted()
    const path = tilePath(name)
    const entries = decodeBundle(await readBounded(folder, path, MAX_BUNDLE_BYTES), name.width)
    if (entries === undefined) throw bad(path, `it does not hold exactly ${name.width} entries`)
    for (const entry of entries) chain.next(entry)
    await builder.add(entries, entries.map(leafHash))
  }
  chain.finish()
  const tiles = await builder.finish()
  const state = chain.root()
  if (state === undefined) throw bad(CHECKPOINT_FILE, 'no root statement says whose log this is')
  const { fleet, issuers, operators, version } = state.root
  const keys = issuers.map((issuer) => Buffer.from(issuer.key, 'base64'))
  const checkpoint = openCheckpoint(note, { fleet, issuers: keys })
  if (checkpoint.size !== tiles.size)
    throw bad(
      CHECKPOINT_FILE,
      `it is about ${checkpoint.size} entries, and there are ${tiles.size}`,
    )
  if (!sameHash(checkpoint.root, rootOfTiles(tiles)))
    throw bad(CHECKPOINT_FILE, 'its root is not the root of the entries')
  const opened = openNote(note, checkpointKeys(fleet, keys))
  if (opened.lines !== opened.signers.length)
    throw bad(CHECKPOINT_FILE, 'it has signatures that nobody here can check')
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
    signer: fingerprintOf((opened.signers[0] as { publicKey: Uint8Array }).publicKey),
    hostKeys: chain.hostKeys(),
  }
}

async function readNote(folder: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readBounded(folder, CHECKPOINT_FILE, MAX_NOTE_BYTES)
  } catch (cause) {
    if (((cause as Error).cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT')
      throw cause
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

/** The folder holds the files of a log of `size` entries: all of them and nothing else. */
async function requireFiles(folder: string, size: number): Promise<void> {
  const found = new Set<string>()
  for await (const path of walk(folder, '')) {
    found.add(path)
    if (found.size > MAX_FILES) throw bad(path, `there are more than ${MAX_FILES} files`)
  }
  // Counted before they are listed: the size is whatever somebody wrote into the note.
  let count = 1 + Math.ceil(size / TILE_WIDTH)
  for (let level = 0; level < tileLevels(size); level += 1)
    count += Math.ceil(hashCount(level, size) / TILE_WIDTH)
  if (count > MAX_FILES)
    throw bad(CHECKPOINT_FILE, `a log of ${size} entries has more than ${MAX_FILES} files`)
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

/** Reads a file of the bundle whose size is checked before anything is allocated. */
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
    throw bad(
      path,
      `it cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
      cause,
    )
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
