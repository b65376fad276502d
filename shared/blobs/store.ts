/**
 * The ground that the pool's operations share: its folders, its guarded disk, temporary files, the
 * space it must leave free, and the one commit that puts a verified blob in its final place.
 */
import { constants } from 'node:fs'
import { open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { formatSize, MIB } from '../units.ts'
import { diskFailure, errno, type FileHandle, type GuardedDisk } from './disk.ts'
import { blobError } from './errors.ts'
import { drawName, type Layout } from './layout.ts'
import type { Verified } from './verified.ts'

/**
 * What the pool tells an operator: damage that it found, and what it did about it. A Logger of
 * shared/logger.ts fits.
 */
export interface PoolLog {
  warn(data: Readonly<Record<string, unknown>>, message: string): void
}

export interface Store {
  readonly layout: Layout
  readonly disk: GuardedDisk
  readonly random: Random
  readonly clock: Clock
  readonly log: PoolLog
  /** Bytes of the volume that the pool leaves free. */
  readonly reserveBytes: number
  /** Which files are known to be right. */
  readonly verified: Verified
  /** Owned by quarantine(): files that it moved away in this process. */
  readonly found: { damaged: number }
}

/** How often a growing file asks again whether there is space. */
export const SPACE_CHECK_BYTES = 64 * MIB

/**
 * Throws blob.no-space unless `bytes` more would leave the reserve free, and blob.suspect if the
 * disk can't be trusted any more.
 */
export async function admit(store: Store, bytes: number): Promise<void> {
  store.disk.admit()
  const { bavail, bsize } = await statfs(store.layout.folder)
  const free = bavail * bsize
  if (free - bytes >= store.reserveBytes) return
  const { reserveBytes } = store
  const wanted = [
    // Content that comes as a stream says no size: then only the reserve is missing.
    ...(bytes === 0 ? [] : [`${formatSize(bytes)} are needed`]),
    ...(reserveBytes === 0 ? [] : [`${formatSize(reserveBytes)} must stay free`]),
  ]
  const reason = `${formatSize(free)} are free, ${wanted.join(' and ')}`
  throw blobError('blob.no-space', { folder: store.layout.folder, reason })
}

/** A file that is being written under a name of its own. */
export interface Draft {
  readonly path: string
  readonly file: FileHandle
}

export async function createDraft(store: Store): Promise<Draft> {
  const path = join(store.layout.temporary, drawName(store.random))
  return { path, file: await store.disk.create(path) }
}

/**
 * Closes and removes; for drafts that came to nothing. What can't be removed now is swept when the
 * pool is next opened.
 */
export async function discard(store: Store, draft: Draft): Promise<void> {
  await draft.file.close().catch(() => undefined)
  await store.disk.remove(draft.path).catch(() => undefined)
}

/**
 * Makes drafts whole and read-only on the disk. After this, and not before, they may be committed.
 */
export async function settle(store: Store, drafts: readonly Draft[]): Promise<void> {
  await Promise.all(
    drafts.map(async ({ file }) => {
      await store.disk.seal(file)
      await store.disk.sync(file)
    }),
  )
}

/**
 * Moves settled drafts whose contents are verified to their final place: the only way anything gets
 * there. A blob of one group has no outboard.
 */
export async function commit(
  store: Store,
  id: BlobId,
  data: Draft,
  outboard: Draft | undefined,
): Promise<void> {
  const { disk, layout } = store
  const shard = await layout.shard(id)
  await disk.rename(data.path, layout.blob(id))
  // Crash here: the whole blob without its outboard, which is computed again where it is needed.
  if (outboard !== undefined) await disk.rename(outboard.path, layout.outboard(id))
  // Crash here: the blob may or may not be there after a power loss, whole in either case, because
  // its contents were synced before.
  await disk.syncFolder(shard)
  store.verified.note(id, await data.file.stat({ bigint: true }))
}

/**
 * Opens a file of the pool for reading. Throws blob.unknown if it isn't there, blob.not-a-file for
 * anything but a regular file.
 */
export async function openBlob(
  path: string,
  id: BlobId,
): Promise<{ file: FileHandle; size: number }> {
  const { file, size } = await openFile(path, constants.O_NOFOLLOW).catch((error: unknown) => {
    throw errno(error) === 'ENOENT'
      ? blobError('blob.unknown', { id }, { cause: error })
      : diskFailure('opening', path, error)
  })
  return { file, size }
}

/** Opens a regular file for reading; never waits on a pipe or a device. */
export async function openFile(
  path: string,
  flags = 0,
): Promise<{ file: FileHandle; size: number }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags)
  try {
    const stat = await file.stat()
    if (!stat.isFile())
      throw blobError('blob.not-a-file', {
        path,
        reason: stat.isDirectory() ? 'it is a folder' : 'it is a device or a pipe',
      })
    return { file, size: stat.size }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Opens a regular file, if there is one; follows no link. */
export async function openIfAny(
  path: string,
): Promise<{ file: FileHandle; size: number } | undefined> {
  try {
    return await openFile(path, constants.O_NOFOLLOW)
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw diskFailure('opening', path, error)
  }
}
