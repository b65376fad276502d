/**
 * Contains the parts that the pool's operations share: folders, guarded disk, temporary files, the
 * space reserve, and the commit that gives a verified blob its final name.
 */
import { constants } from 'node:fs'
import { open, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import type { Random } from '../random.ts'
import { formatSize, MIB } from '../units.ts'
import { errno } from '../errno.ts'
import { diskFailure, type FileHandle, type GuardedDisk } from './disk.ts'
import { blobError } from './errors.ts'
import { drawName, type Layout } from './layout.ts'
import type { Verified } from './verified.ts'

/**
 * Receives warnings for the operator about damage and its repair. A Logger of shared/logger.ts can
 * be used.
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
  /** The bytes of the volume that the pool leaves free. */
  readonly reserveBytes: number
  /** The record of files that are known to be undamaged. */
  readonly verified: Verified
  /** The number of files that this process quarantined. Owned by quarantine(). */
  readonly found: { damaged: number }
}

/** The space is checked again after this number of bytes of a growing file. */
export const SPACE_CHECK_BYTES = 64 * MIB

/**
 * Throws blob.no-space unless the reserve stays free after `bytes` more, and blob.suspect if the
 * disk can't be trusted any more.
 */
export async function admit(store: Store, bytes: number): Promise<void> {
  store.disk.admit()
  const { bavail, bsize } = await statfs(store.layout.folder)
  const free = bavail * bsize
  if (free - bytes >= store.reserveBytes) return
  const { reserveBytes } = store
  const wanted = [
    // A stream has no known size, so the error names only the reserve.
    ...(bytes === 0 ? [] : [`${formatSize(bytes)} are needed`]),
    ...(reserveBytes === 0 ? [] : [`${formatSize(reserveBytes)} must stay free`]),
  ]
  const reason = `${formatSize(free)} are free, ${wanted.join(' and ')}`
  throw blobError('blob.no-space', { folder: store.layout.folder, reason })
}

/** A file that is being written under a temporary name. */
export interface Draft {
  readonly path: string
  readonly file: FileHandle
}

export async function createDraft(store: Store): Promise<Draft> {
  const path = join(store.layout.temporary, drawName(store.random))
  return { path, file: await store.disk.create(path) }
}

/**
 * Closes and removes an abandoned draft. If the removal fails, a later opening of the pool removes
 * it.
 */
export async function discard(store: Store, draft: Draft): Promise<void> {
  await draft.file.close().catch(() => undefined)
  await store.disk.remove(draft.path).catch(() => undefined)
}

/** Settles drafts: makes them read-only and syncs them. Only settled drafts may be committed. */
export async function settle(store: Store, drafts: readonly Draft[]): Promise<void> {
  await Promise.all(
    drafts.map(async ({ file }) => {
      await store.disk.seal(file)
      await store.disk.sync(file)
    }),
  )
}

/**
 * Moves settled and verified drafts to their final place. Only this function writes there. A blob
 * of one group has no outboard.
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
  // Crash here: the blob is whole, but has no outboard. The outboard is computed again when it is
  // needed.
  if (outboard !== undefined) await disk.rename(outboard.path, layout.outboard(id))
  // Crash here: after a power loss, the blob is either absent or whole, because its contents were
  // synced before.
  await disk.syncFolder(shard)
  store.verified.note(id, await data.file.stat({ bigint: true }))
}

/**
 * Opens a file of the pool for reading. Throws blob.unknown if it doesn't exist, blob.not-a-file if
 * it isn't a regular file.
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

/** Opens a regular file for reading. Never blocks on a pipe or a device. */
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

/** Opens a regular file if it exists. Follows no link. */
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
