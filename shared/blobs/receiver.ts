/** Opens transfers into the pool: one for each blob, joined by whoever wants it, going on where an earlier process stopped. */
import type { ByteRange } from '../blake3/geometry.ts'
import { groupCount, MAX_BLOB_BYTES } from '../blake3/geometry.ts'
import { type BlobId, blobId } from '../ids.ts'
import { blobError } from './errors.ts'
import { type Incoming, Transfer } from './incoming.ts'
import { statIfAny } from './layout.ts'
import {
  bytesOf,
  closePartial,
  createPartial,
  discardPartial,
  findPartials,
  isMissing,
  type Partial,
  removePartial,
  resumePartial,
} from './partial.ts'
import { admit, openBlob, type Store } from './store.ts'

export interface Receiver {
  receive(id: BlobId, size: number): Promise<Incoming>
  partial(id: BlobId): Promise<{ size: number; ranges: ByteRange[] } | undefined>
  /** The transfer of a blob that is under way. */
  live(id: BlobId): Transfer | undefined
  /** Removes what is left of a blob that is not being received. */
  forget(id: BlobId): Promise<void>
}

export function createReceiver(store: Store): Receiver {
  // A transfer stays here from the first request until its files are closed, so that nobody opens them twice.
  const transfers = new Map<BlobId, Promise<Transfer>>()
  const live = new Map<BlobId, Transfer>()

  async function begin(id: BlobId, size: number): Promise<Transfer> {
    await admit(store, 0)
    const partial = (await resume(store, id, size)) ?? (await createPartial(store, id, size))
    const transfer = new Transfer(store, partial, () => {
      live.delete(id)
      transfers.delete(id)
    })
    live.set(id, transfer)
    return transfer
  }

  async function receive(id: BlobId, size: number): Promise<Incoming> {
    blobId.parse(id)
    if (!Number.isSafeInteger(size) || size < 0) throw blobError('blob.range', { start: 0, end: size, size: 0 })
    if (size > MAX_BLOB_BYTES) throw blobError('blob.too-large', { limit: MAX_BLOB_BYTES, got: size })
    for (;;) {
      const stat = await statIfAny(store.layout.blob(id))
      if (stat !== undefined) {
        if (stat.size !== size) throw blobError('blob.size', { id, expected: stat.size, got: size })
        return whole(store, id, size)
      }
      const known = transfers.get(id)
      const opening = known ?? begin(id, size)
      if (known === undefined) {
        transfers.set(id, opening)
        opening.catch(() => transfers.delete(id))
      }
      const transfer = await opening
      const handle = transfer.join()
      if (handle !== undefined) {
        if (transfer.size === size) return handle
        await handle.abort()
        throw blobError('blob.size', { id, expected: transfer.size, got: size })
      }
      // It is being closed, or the blob has just become whole.
      await transfer.over
    }
  }

  async function partial(id: BlobId): Promise<{ size: number; ranges: ByteRange[] } | undefined> {
    const transfer = live.get(blobId.parse(id))
    if (transfer !== undefined) return { size: transfer.size, ranges: transfer.verified() }
    const [found] = await findPartials(store, id)
    if (found === undefined) return undefined
    return { size: found.size, ranges: found.claimed.runs(groupCount(found.size), true).map((run) => bytesOf(run, found.size)) }
  }

  async function forget(id: BlobId): Promise<void> {
    if (transfers.has(id)) return
    for (const { base } of await findPartials(store, id)) await removePartial(store, base)
  }

  return { receive, partial, live: (id) => live.get(id), forget }
}

/**
 * The partial blob that an earlier process left, if it is one of this size. One of another size is proof against the claim if its last group is there,
 * and otherwise as little worth as the claim that it was begun with: it is removed.
 */
async function resume(store: Store, id: BlobId, size: number): Promise<Partial | undefined> {
  let chosen: Partial | undefined
  for (const found of await findPartials(store, id)) {
    const partial = chosen === undefined ? await resumePartial(store, id, found).catch(unlessMissing) : undefined
    if (partial === undefined) {
      if (chosen === undefined) await removePartial(store, found.base)
    } else if (partial.size === size) {
      chosen = partial
    } else if (partial.verified.has(groupCount(partial.size) - 1)) {
      await closePartial(partial)
      throw blobError('blob.size', { id, expected: partial.size, got: size })
    } else {
      await discardPartial(store, partial)
    }
  }
  return chosen
}

/** Another process may take the files away between the listing and the opening. */
function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}

/** The Incoming of a blob that the pool has already: nothing is missing, and it can be read. */
function whole(store: Store, id: BlobId, size: number): Incoming {
  return {
    id,
    size,
    sizeProven: () => true,
    missing: () => [],
    decoder: () => {
      throw blobError('blob.aborted', { id })
    },
    verifiedPrefix: () => size,
    waitFor: async () => undefined,
    read: async ({ start, end }) => {
      if (!(start >= 0 && start <= end && end <= size)) throw blobError('blob.range', { start, end, size })
      const { file } = await openBlob(store.layout.blob(id), id)
      try {
        const bytes = Buffer.alloc(end - start)
        await file.read(bytes, 0, bytes.length, start)
        return bytes
      } finally {
        await file.close()
      }
    },
    finish: async () => ({ size }),
    abort: async () => undefined,
  }
}
