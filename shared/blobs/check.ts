/**
 * Reads back the pool's blobs and compares them with their ids. Damaged content is moved to the
 * quarantine folder and never deleted, so that an undamaged copy can get its name. A damaged or
 * missing outboard is computed again from the content.
 */
import { lstatSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { GROUP_BYTES, outboardSize } from '../blake3/geometry.ts'
import { createBlake3 } from '../blake3/hash.ts'
import { kernel } from '../blake3/kernel.ts'
import { BATCH_BYTES } from '../blake3/memory.ts'
import { type Slot, takeSlot } from '../blake3/slot.ts'
import { Tree } from '../blake3/tree.ts'
import { type BlobId, blobId } from '../ids.ts'
import { MIB } from '../units.ts'
import { errno } from '../errno.ts'
import type { FileHandle } from './disk.ts'
import { blobError } from './errors.ts'
import { drawName, statIfAny } from './layout.ts'
import { handled, sourceOfFile } from './source.ts'
import { createDraft, discard, openBlob, type Store, settle } from './store.ts'
import { exactStat, markOf } from './verified.ts'

/** Returns the id of a file's contents. */
export async function digestFile(file: FileHandle, signal?: AbortSignal): Promise<BlobId> {
  const hasher = createBlake3()
  const buffer = Buffer.allocUnsafeSlow(MIB)
  for (let position = 0; ; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) return hasher.digest()
    hasher.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
}

/**
 * Returns the id and the outboard of a file's contents. The next batch is read while one is hashed.
 */
export async function treeOfFile(
  file: FileHandle,
  signal?: AbortSignal,
): Promise<{ id: BlobId; size: number; outboard: Uint8Array }> {
  const source = sourceOfFile(file)
  const tree = new Tree(kernel())
  const slots = [takeSlot(), takeSlot()] as const
  const slotOf = (batch: number): Slot => (batch % 2 === 0 ? slots[0] : slots[1])
  const fill = (batch: number): Promise<number> =>
    handled(source.fill(slotOf(batch).bytes.subarray(0, BATCH_BYTES)))
  let filling = fill(0)
  try {
    for (let batch = 0, last = false; !last; batch += 1) {
      const length = await filling
      signal?.throwIfAborted()
      last = length < BATCH_BYTES
      if (!last) filling = fill(batch + 1)
      tree.add(slotOf(batch).place(0, length), length, last)
    }
  } finally {
    await Promise.allSettled([filling])
    for (const slot of slots) slot.release()
  }
  const { root, outboard } = tree.finish()
  return { id: blobId.parse(Buffer.from(root).toString('hex')), size: tree.size, outboard }
}

/** `damaged`: the blob was damaged and is in quarantine now. */
export type Soundness = 'sound' | 'damaged' | 'absent'

/** Checks a blob's content. It is hashed only if its file changed since the last hash. */
export async function verifyBlob(
  store: Store,
  id: BlobId,
  signal?: AbortSignal,
): Promise<Soundness> {
  const stats = await exactStat(store.layout.blob(id))
  if (stats === undefined) return 'absent'
  if (store.verified.holds(id, stats)) return 'sound'
  // The pool may have linked the file after the last stat. Nothing runs between this stat and the
  // record.
  const now = lstatSync(store.layout.blob(id), { bigint: true, throwIfNoEntry: false })
  if (now !== undefined && store.verified.holds(id, now)) return 'sound'
  try {
    return (await checkBlob(store, id, signal)) ? 'sound' : 'damaged'
  } catch (error) {
    // Another check or a removal removed the file meanwhile.
    if (blobError.is(error, 'blob.unknown')) return 'absent'
    throw error
  }
}

/** The errors of a disk that can't read a sector. The data there is lost. */
export const UNREADABLE: ReadonlySet<string> = new Set(['EIO', 'EUCLEAN', 'EBADMSG'])
/**
 * A file that changed within this time may exist only in memory, so it is synced before it is
 * recorded.
 */
const RECENT_MS = 3_600_000

/**
 * Hashes a blob's whole content. Returns true if it is undamaged, and false if it was damaged and
 * is in quarantine now. If the outboard of an undamaged blob is missing or has the wrong length, it
 * is computed again. @throws blob.unknown
 */
export async function checkBlob(store: Store, id: BlobId, signal?: AbortSignal): Promise<boolean> {
  const path = store.layout.blob(id)
  const named = await exactStat(path)
  if (named === undefined) throw blobError('blob.unknown', { id })
  if (!named.isFile()) return notDamaged(store, id, named.ino, signal)
  // A program may have changed the mode. The web server of another user must be able to read it.
  if ((Number(named.mode) & 0o7777) !== SEALED) await chmod(path, SEALED)
  const { file, size } = await openBlob(path, id)
  try {
    const since = store.clock.now()
    const before = await file.stat({ bigint: true })
    if ((await digestIfReadable(file, signal)) !== id)
      return notDamaged(store, id, before.ino, signal)
    const after = await file.stat({ bigint: true })
    const outboard = size > GROUP_BYTES ? await statIfAny(store.layout.outboard(id)) : undefined
    if (size > GROUP_BYTES && outboard?.size !== outboardSize(size))
      await repairOutboard(store, id, file, signal)
    if (Number(after.mtimeMs) > since - RECENT_MS) await file.datasync()
    if (markOf(before) === markOf(after)) store.verified.note(id, after, since)
    return true
  } finally {
    await file.close()
  }
}

const SEALED = 0o444

/** Quarantines the damaged file. Returns false, unless an undamaged copy replaced it meanwhile. */
async function notDamaged(
  store: Store,
  id: BlobId,
  inode: bigint,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (await quarantine(store, id, inode)) return false
  if ((await exactStat(store.layout.blob(id))) === undefined) return false
  return checkBlob(store, id, signal)
}

/** Returns the id of the content. Undefined if the disk can't read all of it. */
async function digestIfReadable(
  file: FileHandle,
  signal: AbortSignal | undefined,
): Promise<BlobId | undefined> {
  try {
    return await digestFile(file, signal)
  } catch (error) {
    if (UNREADABLE.has(errno(error) ?? '')) return undefined
    throw error
  }
}

/**
 * Computes a blob's outboard from its content and stores it. Returns false if the content doesn't
 * match the id. The blob is in quarantine then.
 */
export async function repairOutboard(
  store: Store,
  id: BlobId,
  file: FileHandle,
  signal?: AbortSignal,
): Promise<boolean> {
  const { ino } = await file.stat({ bigint: true })
  const found = await treeOfFile(file, signal)
  if (found.id !== id) {
    await quarantine(store, id, ino)
    return false
  }
  const draft = await createDraft(store)
  try {
    await store.disk.write(draft.file, [found.outboard], 0)
    await settle(store, [draft])
    // Crash here: the blob has its old outboard or none. The next use of the blob repairs it again.
    await store.disk.rename(draft.path, store.layout.outboard(id))
    await store.disk.syncFolder(await store.layout.shard(id))
  } finally {
    await discard(store, draft)
  }
  store.log.warn(
    { blob: id },
    'the outboard of a blob was missing or damaged and has been computed again',
  )
  return true
}

/**
 * Moves the damaged file of a blob away, so that an undamaged copy can get its name. The file is
 * identified by its inode, so a copy that was committed after the damage was found stays. Returns
 * false if another file, or none, has the name now.
 */
export async function quarantine(store: Store, id: BlobId, inode: bigint): Promise<boolean> {
  const { disk, layout } = store
  const path = layout.blob(id)
  if ((await exactStat(path))?.ino !== inode) return false
  const target = join(layout.quarantine, `${blobId.parse(id)}.${drawName(store.random)}`)
  await disk.rename(path, target)
  if ((await exactStat(target))?.ino !== inode) {
    // A copy was committed between the check and the rename. Its content was verified.
    await disk.rename(target, path)
    // Crash before this: an undamaged copy is in quarantine, and the blob is fetched again.
    await disk.syncFolder(await layout.shard(id))
    return false
  }
  store.verified.forget(id)
  store.found.damaged += 1
  // The outboard stays, because an undamaged copy has the same one. No code reads it without a
  // blob.
  await disk.syncFolder(await layout.shard(id))
  store.log.warn(
    { blob: id, path: target },
    'a blob of the pool is damaged and was moved to quarantine',
  )
  return true
}
