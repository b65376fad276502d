/**
 * Stores a partial blob: data and outboard in their final format with gaps, and a bitmap of the
 * verified groups. The bitmap is written only after data and outboard are synced. It is only a
 * hint, because a resumption hashes each group in it again.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CHUNK_GROUPS, encode } from '../blake3/encode.ts'
import {
  groupCount,
  groupLength,
  GROUP_BYTES,
  type GroupRange,
  HEADER_BYTES,
  MAX_BLOB_BYTES,
} from '../blake3/geometry.ts'
import { blake3Of } from '../blake3/hash.ts'
import { MusterError } from '../errors.ts'
import { type BlobId, blobId } from '../ids.ts'
import type { BulkWriter } from './bulk.ts'
import { errno } from '../errno.ts'
import { sourceOfFiles } from './file-source.ts'
import { GroupSet } from './group-set.ts'
import { drawName, statIfAny } from './layout.ts'
import { type Draft, discard, type Store } from './store.ts'

export interface Partial {
  readonly id: BlobId
  /** The size, which is unproven until the last group is verified. */
  readonly size: number
  readonly data: Draft
  /** A direct writer for the data of large blobs, if supported. */
  readonly bulk: BulkWriter | undefined
  readonly outboard: Draft
  /** The bitmap's path. */
  readonly bitmapPath: string
  readonly verified: GroupSet
}

/**
 * The ends of file names, after `<id>.<32 hex digits>`. Each download draws a new name, so two
 * processes never have the same one.
 */
const DATA = '.data'
const OUTBOARD = '.outboard'
const BITMAP = '.verified'

export async function createPartial(store: Store, id: BlobId, size: number): Promise<Partial> {
  const base = join(store.layout.partial, `${blobId.parse(id)}.${drawName(store.random)}`)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(BigInt(size))
  const drafts: Draft[] = []
  try {
    const create = async (suffix: string): Promise<Draft> => {
      const draft = { path: base + suffix, file: await store.disk.create(base + suffix) }
      drafts.push(draft)
      return draft
    }
    const data = await create(DATA)
    const outboard = await create(OUTBOARD)
    await store.disk.write(outboard.file, [header], 0)
    const bulk = await store.disk.openBulk(data.path, size)
    return { id, size, data, bulk, outboard, bitmapPath: base + BITMAP, verified: new GroupSet() }
  } catch (error) {
    for (const draft of drafts) await discard(store, draft)
    throw error
  }
}

/**
 * Finds the partial copies of a blob and reads their bitmaps. The groups in the bitmaps are not
 * verified yet.
 */
export async function findPartials(
  store: Store,
  id: BlobId,
): Promise<{ base: string; size: number; claimed: GroupSet }[]> {
  const pattern = new RegExp(`^${blobId.parse(id)}\\.[0-9a-f]{32}\\${BITMAP}$`)
  const found = []
  for (const name of await readdir(store.layout.partial)) {
    if (!pattern.test(name)) continue
    const base = join(store.layout.partial, name.slice(0, -BITMAP.length))
    const bitmap = parseBitmap(await readFile(base + BITMAP))
    if (bitmap !== undefined) found.push({ base, ...bitmap })
  }
  return found
}

/**
 * Opens a partial blob and hashes all groups that its bitmap claims. Groups that don't match are
 * fetched again. Returns undefined if its files were removed.
 */
export async function resumePartial(
  store: Store,
  id: BlobId,
  found: { base: string; size: number; claimed: GroupSet },
  signal?: AbortSignal,
): Promise<Partial | undefined> {
  const { base, size, claimed } = found
  if (
    (await statIfAny(base + DATA)) === undefined ||
    (await statIfAny(base + OUTBOARD)) === undefined
  )
    return undefined
  const data = { path: base + DATA, file: await store.disk.reopen(base + DATA) }
  try {
    const outboard = { path: base + OUTBOARD, file: await store.disk.reopen(base + OUTBOARD) }
    const bulk = await store.disk.openBulk(data.path, size)
    const partial: Partial = {
      id,
      size,
      data,
      bulk,
      outboard,
      bitmapPath: base + BITMAP,
      verified: new GroupSet(),
    }
    try {
      for (const run of claimed.runs(groupCount(size), true)) await verifyRun(partial, run, signal)
      return partial
    } catch (error) {
      await bulk?.close()
      await outboard.file.close()
      throw error
    }
  } catch (error) {
    await data.file.close()
    throw error
  }
}

/**
 * Hashes the groups of `run` and adds them to `verified`, up to the first chunk that doesn't match.
 */
async function verifyRun(
  partial: Partial,
  run: GroupRange,
  signal: AbortSignal | undefined,
): Promise<void> {
  let group = run.first
  try {
    for await (const _checked of encode(sourceOfFiles(partial), run, signal)) {
      const end = Math.min(group + CHUNK_GROUPS, run.end)
      partial.verified.addRange({ first: group, end })
      group = end
    }
  } catch (error) {
    signal?.throwIfAborted()
    // After truncation, missing tree nodes or bit rot, these groups are still missing.
    if (!(error instanceof MusterError)) throw error
  }
}

/**
 * Writes the bitmap beside the data. Call it only for groups whose data and tree nodes are synced.
 */
export async function writeBitmap(
  store: Store,
  partial: Partial,
  verified: Uint8Array,
): Promise<void> {
  const body = Buffer.alloc(8 + verified.length)
  body.writeBigUInt64LE(BigInt(partial.size))
  body.set(verified, 8)
  const path = join(store.layout.temporary, drawName(store.random))
  const draft = { path, file: await store.disk.create(path) }
  try {
    await store.disk.write(draft.file, [Buffer.from(blake3Of(body), 'hex'), body], 0)
    await store.disk.sync(draft.file)
    // Crash here: the older bitmap is still there, and newer groups are fetched again.
    await store.disk.rename(path, partial.bitmapPath)
  } finally {
    await discard(store, draft)
  }
}

/**
 * Parses a bitmap file: BLAKE3 of the rest (32 bytes), the blob's claimed size (8, little-endian),
 * the bits. Returns undefined if it is damaged.
 */
function parseBitmap(bytes: Buffer): { size: number; claimed: GroupSet } | undefined {
  if (bytes.length < 40) return undefined
  const body = bytes.subarray(32)
  if (blake3Of(body) !== bytes.toString('hex', 0, 32)) return undefined
  const size = Number(body.readBigUInt64LE())
  if (size > MAX_BLOB_BYTES) return undefined
  return { size, claimed: new GroupSet(body.subarray(8), groupCount(size)) }
}

/** Returns the byte range of a run of groups of a blob of `size` bytes. */
export function bytesOf(run: GroupRange, size: number): { start: number; end: number } {
  return {
    start: run.first * GROUP_BYTES,
    end: (run.end - 1) * GROUP_BYTES + groupLength(run.end - 1, size),
  }
}

export async function closePartial(partial: Partial): Promise<void> {
  await partial.bulk?.close()
  await partial.data.file.close().catch(() => undefined)
  await partial.outboard.file.close().catch(() => undefined)
}

/** Closes and removes a partial blob. */
export async function discardPartial(store: Store, partial: Partial): Promise<void> {
  await store.disk.remove(partial.bitmapPath).catch(() => undefined)
  await partial.bulk?.close()
  await discard(store, partial.data)
  await discard(store, partial.outboard)
}

/** Returns the paths of a partial blob's data and outboard. */
export function pathsOf(base: string): readonly [data: string, outboard: string] {
  return [base + DATA, base + OUTBOARD]
}

/** Removes the files of a partial blob that isn't open. */
export async function removePartial(store: Store, base: string): Promise<void> {
  for (const suffix of [BITMAP, DATA, OUTBOARD]) await store.disk.remove(base + suffix)
}

/** Returns whether the cause of an error is a missing file. */
export function isMissing(error: unknown): boolean {
  return errno(error) === 'ENOENT' || (error instanceof Error && errno(error.cause) === 'ENOENT')
}
