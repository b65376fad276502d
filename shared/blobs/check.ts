/**
 * Reads back what the pool holds and compares it with what it must be. Damaged content is moved to the quarantine folder, never deleted: the same name
 * then is free for a sound copy. A damaged or missing outboard is computed again from the content.
 */
import { join } from 'node:path'
import { GROUP_BYTES, outboardSize } from '../blake3/geometry.ts'
import { createBlake3 } from '../blake3/hash.ts'
import { kernel } from '../blake3/kernel.ts'
import { BATCH_BYTES } from '../blake3/memory.ts'
import { type Slot, takeSlot } from '../blake3/slot.ts'
import { Tree } from '../blake3/tree.ts'
import { type BlobId, blobId } from '../ids.ts'
import { MIB } from '../units.ts'
import type { FileHandle } from './disk.ts'
import { drawName, statIfAny } from './layout.ts'
import { handled, sourceOfFile } from './source.ts'
import { createDraft, discard, openBlob, type Store, settle } from './store.ts'

/** The id of a file's contents. */
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

/** The id and the outboard of a file's contents; the next batch is read while one is hashed. */
export async function treeOfFile(
  file: FileHandle,
  signal?: AbortSignal,
): Promise<{ id: BlobId; size: number; outboard: Uint8Array }> {
  const source = sourceOfFile(file)
  const tree = new Tree(kernel())
  const slots = [takeSlot(), takeSlot()] as const
  const slotOf = (batch: number): Slot => slots[(batch % 2) as 0 | 1]
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

/**
 * Hashes a blob's whole content. True if it is sound; false if it was damaged and is in quarantine now. Throws blob.unknown if the pool doesn't have it.
 * A sound blob whose outboard is missing or has the wrong length gets a new one.
 */
export async function checkBlob(store: Store, id: BlobId, signal?: AbortSignal): Promise<boolean> {
  const { file, size } = await openBlob(store.layout.blob(id), id)
  try {
    if ((await digestFile(file, signal)) !== id) {
      await quarantine(store, id)
      return false
    }
    const outboard = size > GROUP_BYTES ? await statIfAny(store.layout.outboard(id)) : undefined
    if (size > GROUP_BYTES && outboard?.size !== outboardSize(size))
      await repairOutboard(store, id, file, signal)
    return true
  } finally {
    await file.close()
  }
}

/** Computes a blob's outboard from its content and puts it in place. False, and the blob is in quarantine, if the content isn't what it must be. */
export async function repairOutboard(
  store: Store,
  id: BlobId,
  file: FileHandle,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = await treeOfFile(file, signal)
  if (found.id !== id) {
    await quarantine(store, id)
    return false
  }
  const draft = await createDraft(store)
  try {
    await store.disk.write(draft.file, [found.outboard], 0)
    await settle(store, [draft])
    // Crash here: the old outboard, or none, stands; whoever next encodes the blob comes here again.
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

/** Moves a damaged blob out of the way, so that nobody is given it and a sound copy can take its name. */
export async function quarantine(store: Store, id: BlobId): Promise<void> {
  const { disk, layout } = store
  const target = join(layout.quarantine, `${blobId.parse(id)}.${drawName(store.random)}`)
  await disk.rename(layout.blob(id), target)
  // Crash here: an outboard without its blob, which nothing reads.
  await disk.remove(layout.outboard(id))
  await disk.syncFolder(await layout.shard(id))
  store.log.warn(
    { blob: id, path: target },
    'a blob of the pool is damaged and was moved to quarantine',
  )
}
