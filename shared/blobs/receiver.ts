/**
 * Opens transfers into the pool. All callers of a blob share one transfer. It resumes the partial
 * blob of an earlier process.
 */
import type { ByteRange } from '../blake3/geometry.ts'
import { groupCount, groupsOf, MAX_BLOB_BYTES } from '../blake3/geometry.ts'
import { type BlobId, blobId } from '../ids.ts'
import { abortable } from '../interrupt.ts'
import { blobError } from './errors.ts'
import type { BlobFiles } from './file-source.ts'
import type { GroupSet } from './group-set.ts'
import { type Incoming, MAX_READ_BYTES, readWhole, Transfer } from './incoming.ts'
import { statIfAny } from './layout.ts'
import {
  bytesOf,
  closePartial,
  createPartial,
  discardPartial,
  findPartials,
  isMissing,
  type Partial,
  pathsOf,
  removePartial,
  resumePartial,
} from './partial.ts'
import { requireInside } from './range.ts'
import { admit, openIfAny, type Store } from './store.ts'

/** The progress of a transfer. */
export interface PartialProgress {
  /** The size in bytes, which is unproven until the last group is verified. */
  readonly size: number
  readonly proven: boolean
  readonly ranges: ByteRange[]
}

export interface Receiver {
  receive(id: BlobId, size: number, signal?: AbortSignal): Promise<Incoming>
  partial(id: BlobId): Promise<PartialProgress | undefined>
  /** Opens the files of a partial blob if all of `range` is verified. The caller closes them. */
  openPartial(id: BlobId, range: ByteRange): Promise<BlobFiles | undefined>
  /** Removes the partial copies of a blob that is not being received. */
  forget(id: BlobId): Promise<void>
}

/**
 * A transfer that is being opened. This can take long, because the partial blob of an earlier
 * process is hashed.
 */
interface Opening {
  readonly transfer: Promise<Transfer>
  readonly abort: AbortController
  /**
   * The number of waiting callers, owned by opened(). The last caller that leaves aborts the
   * opening.
   */
  waiting: number
}

/** The time between sweeps, which remove partial blobs without progress. */
const SWEEP_MS = 3_600_000

export function createReceiver(store: Store): Receiver {
  return new TransferReceiver(store)
}

class TransferReceiver implements Receiver {
  readonly #store: Store
  /**
   * A transfer stays here from the first request until its files are closed, so that no file is
   * opened twice.
   */
  readonly #transfers = new Map<BlobId, Opening>()
  readonly #live = new Map<BlobId, Transfer>()
  /** The bitmaps of the partial blobs that this process created or resumed since the last sweep. */
  readonly #own = new Set<string>()
  #sweptAt: number

  constructor(store: Store) {
    this.#store = store
    this.#sweptAt = store.clock.monotonic()
  }

  async receive(id: BlobId, size: number, signal?: AbortSignal): Promise<Incoming> {
    blobId.parse(id)
    requireSize(size)
    for (;;) {
      signal?.throwIfAborted()
      const stat = await statIfAny(this.#store.layout.blob(id))
      if (stat !== undefined) {
        if (stat.size !== size) throw blobError('blob.size', { id, expected: stat.size, got: size })
        return whole(this.#store, id, size)
      }
      const opening = this.#transfers.get(id) ?? this.#open(id, size)
      if (opening.abort.signal.aborted) {
        // The last caller has left, and the files are being closed.
        await opening.transfer.then((transfer) => transfer.over).catch(() => undefined)
        continue
      }
      const transfer = await opened(opening, signal)
      const handle = transfer.join()
      if (handle !== undefined) {
        if (transfer.size === size) return handle
        await handle.abort()
        throw blobError('blob.size', { id, expected: transfer.size, got: size })
      }
      // The transfer is being closed, or the blob has just become whole.
      await transfer.over
    }
  }

  async partial(id: BlobId): Promise<PartialProgress | undefined> {
    const transfer = this.#live.get(blobId.parse(id))
    if (transfer !== undefined) return transfer.progress()
    const [found] = await findPartials(this.#store, id)
    if (found === undefined) return undefined
    const groups = groupCount(found.size)
    const ranges = found.claimed.runs(groups, true).map((run) => bytesOf(run, found.size))
    return { size: found.size, proven: found.claimed.has(groups - 1), ranges }
  }

  async openPartial(id: BlobId, range: ByteRange): Promise<BlobFiles | undefined> {
    const transfer = this.#live.get(id)
    if (transfer !== undefined) {
      const { size, verified, data, outboard } = transfer.partial
      const paths = [data.path, outboard.path] as const
      const files = await openVerified(id, { size, verified, paths }, range)
      // Between the final renames, only one of the two files has its new name.
      if (files === undefined) await transfer.over
      return files
    }
    const [found] = await findPartials(this.#store, id)
    if (found === undefined) return undefined
    const { size, claimed: verified } = found
    return openVerified(id, { size, verified, paths: pathsOf(found.base) }, range)
  }

  async forget(id: BlobId): Promise<void> {
    if (this.#transfers.has(id)) return
    for (const { base } of await findPartials(this.#store, id))
      await removePartial(this.#store, base)
  }

  #open(id: BlobId, size: number): Opening {
    const abort = new AbortController()
    const opening: Opening = { transfer: this.#begin(id, size, abort.signal), abort, waiting: 0 }
    this.#transfers.set(id, opening)
    opening.transfer.catch(() => this.#transfers.delete(id))
    return opening
  }

  async #begin(id: BlobId, size: number, signal: AbortSignal): Promise<Transfer> {
    const store = this.#store
    await this.#sweep()
    await admit(store, 0)
    const partial =
      (await resume(store, { id, size, own: this.#own }, signal)) ??
      (await createPartial(store, id, size))
    this.#own.add(partial.bitmapPath)
    const transfer = new Transfer(store, partial, () => {
      this.#live.delete(id)
      this.#transfers.delete(id)
    })
    this.#live.set(id, transfer)
    return transfer
  }

  /** Removes aborted fetches while the process runs, because an agent runs for months. */
  async #sweep(): Promise<void> {
    const { clock, layout } = this.#store
    if (clock.monotonic() - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = clock.monotonic()
    this.#own.clear()
    await layout.sweepPartial((name) => {
      const id = name.slice(0, name.indexOf('.'))
      return blobId.is(id) && this.#transfers.has(id)
    })
  }
}

function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0)
    throw blobError('blob.range', { start: 0, end: size, size: 0 })
  if (size > MAX_BLOB_BYTES) throw blobError('blob.too-large', { limit: MAX_BLOB_BYTES, got: size })
}

/**
 * Resolves with the transfer when it is open. Rejects with the signal's reason as soon as the
 * signal aborts.
 */
async function opened(opening: Opening, signal: AbortSignal | undefined): Promise<Transfer> {
  opening.waiting += 1
  try {
    return await abortable(opening.transfer, signal)
  } catch (error) {
    if (opening.waiting === 1) {
      opening.abort.abort(error)
      // The opening may succeed in spite of the abort. Then joining and leaving closes the
      // transfer.
      opening.transfer.then((transfer) => transfer.join()?.abort()).catch(() => undefined)
    }
    throw error
  } finally {
    opening.waiting -= 1
  }
}

/**
 * After this time without a write, no process receives into a partial blob, because a stalled
 * sender is disconnected within seconds.
 */
const ABANDONED_MS = 3_600_000

/**
 * Returns the partial blob of an earlier process, if it has this size. A partial blob of another
 * size contradicts the claim if its last group is verified. Otherwise its own size may be false,
 * and it is removed when no other process can be receiving into it.
 */
async function resume(
  store: Store,
  { id, size, own }: { id: BlobId; size: number; own: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<Partial | undefined> {
  let chosen: Partial | undefined
  for (const found of await findPartials(store, id)) {
    const partial =
      chosen === undefined
        ? await resumePartial(store, id, found, signal).catch(unlessMissing)
        : undefined
    if (partial === undefined) {
      if (chosen === undefined) await removePartial(store, found.base)
    } else if (partial.size === size) {
      chosen = partial
    } else if (partial.verified.has(groupCount(partial.size) - 1)) {
      await closePartial(partial)
      throw blobError('blob.size', { id, expected: partial.size, got: size })
    } else if (own.has(partial.bitmapPath) || (await isAbandoned(store, found.base))) {
      await discardPartial(store, partial)
    } else {
      await closePartial(partial)
    }
  }
  return chosen
}

async function isAbandoned(store: Store, base: string): Promise<boolean> {
  const before = store.clock.now() - ABANDONED_MS
  const stats = await Promise.all(pathsOf(base).map(statIfAny))
  return stats.every((stat) => stat === undefined || stat.mtimeMs < before)
}

/** Another process may remove the files between the listing and the opening. */
function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}

/**
 * Returns the Incoming of a blob that the pool has whole. No range is missing, and it can be read.
 */
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
    read: async (range) => {
      requireInside(range, size)
      if (range.end - range.start > MAX_READ_BYTES)
        throw blobError('blob.range', { ...range, size })
      return readWhole(store, id, range)
    },
    finish: async () => ({ size }),
    abort: async () => undefined,
  }
}

/**
 * Opens a partial blob's files separately, because the transfer may end during the read. Returns
 * undefined if the files have just been renamed.
 */
async function openVerified(
  id: BlobId,
  partial: { size: number; verified: GroupSet; paths: readonly [data: string, outboard: string] },
  range: ByteRange,
): Promise<BlobFiles | undefined> {
  const { size, verified, paths } = partial
  requireInside(range, size)
  if (!verified.hasRange(groupsOf(range, size)))
    throw blobError('blob.unverified', { id, start: range.start, end: range.end })
  const data = await openIfAny(paths[0])
  const outboard = await openIfAny(paths[1])
  if (data !== undefined && outboard !== undefined) {
    return {
      id,
      size,
      data: { path: paths[0], file: data.file },
      outboard: { path: paths[1], file: outboard.file },
    }
  }
  await data?.file.close()
  await outboard?.file.close()
  return undefined
}
