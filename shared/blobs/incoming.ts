/**
 * Receives one blob from any number of senders at once. Verified groups are written directly to
 * their place in the partial blob and can be read before the rest arrives. Callers that request the
 * same blob share one transfer. It stops when the last caller aborts, and keeps the verified part.
 */
import type { Batch } from '../blake3/decode.ts'
import {
  type ByteRange,
  GROUP_BYTES,
  groupCount,
  groupsOf,
  HEADER_BYTES,
  PARENT_BYTES,
} from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { MIB } from '../units.ts'
import type { FileHandle } from './disk.ts'
import { blobError } from './errors.ts'
import { bytesOf, closePartial, discardPartial, type Partial, writeBitmap } from './partial.ts'
import { requireInside } from './range.ts'
import { createSink, type Landing, type RangeSink } from './sink.ts'
import { admit, commit, openBlob, SPACE_CHECK_BYTES, type Store, settle } from './store.ts'

export interface Incoming {
  readonly id: BlobId
  /** The size in bytes, which may be unproven. */
  readonly size: number
  /** True after the last group is verified, because only this group proves the size. */
  sizeProven(): boolean
  /** The unverified ranges, in order. */
  missing(): ByteRange[]
  /**
   * Returns a sink for the encoding of the groups with bytes of `range`. Throws blob.range unless
   * the range is inside the blob.
   */
  decoder(range: ByteRange): RangeSink
  /** The number of bytes from the start that are verified and readable. */
  verifiedPrefix(): number
  /**
   * Resolves once the prefix reaches `offset`. Rejects if the transfer or the signal is aborted.
   */
  waitFor(offset: number, signal?: AbortSignal): Promise<void>
  /**
   * Reads verified bytes. Throws blob.unverified if some are missing. Throws blob.range past the
   * end and for more than 16 MiB at once.
   */
  read(range: ByteRange): Promise<Uint8Array>
  /** Moves the blob to its final place, durably. Throws blob.incomplete if something is missing. */
  finish(): Promise<{ size: number }>
  /** Leaves the transfer. Does nothing after `finish` or a second time. */
  abort(): Promise<void>
}

/** The maximum size of one `read`. Callers read far smaller pieces. */
export const MAX_READ_BYTES = 16 * MIB
/**
 * Progress is synced after this number of bytes or this time, so a crash loses no more than that.
 */
const CHECKPOINT_BYTES = 64 * MIB
const CHECKPOINT_MS = 10_000

/**
 * The transfer that its callers share. The pool's receiver owns it. A caller has only an Incoming.
 */
export class Transfer implements Landing {
  readonly partial: Partial
  /** Resolves after its files were closed, for any reason. */
  readonly over: Promise<void>
  readonly #store: Store
  readonly #groups: number
  readonly #over: () => void
  readonly #sinks = new Set<RangeSink>()
  readonly #waiters = new Set<{ offset: number; wake: PromiseWithResolvers<void> }>()
  #joiners = 0
  #state: 'open' | 'finishing' | 'finished' | 'closed' = 'open'
  #writing = 0
  #idle: PromiseWithResolvers<void> | undefined
  #finished: Promise<{ size: number }> | undefined
  #checkpointing: Promise<void> | undefined
  #checkpointGroups: number
  #checkpointAt: number
  #admitted = 0

  constructor(store: Store, partial: Partial, closed: () => void) {
    const over = Promise.withResolvers<void>()
    this.over = over.promise
    this.#over = () => {
      closed()
      over.resolve()
    }
    this.#store = store
    this.partial = partial
    this.#groups = groupCount(partial.size)
    this.#checkpointGroups = partial.verified.count
    this.#checkpointAt = store.clock.monotonic()
  }

  get id(): BlobId {
    return this.partial.id
  }

  get size(): number {
    return this.partial.size
  }

  hungry(): boolean {
    return this.#waiters.size > 0
  }

  /** Returns another handle on the transfer. Undefined if it has ended. */
  join(): Incoming | undefined {
    if (this.#state === 'closed' || this.#state === 'finished') return undefined
    this.#joiners += 1
    let joined = true
    const leave = async (): Promise<void> => {
      if (!joined) return
      joined = false
      this.#joiners -= 1
      if (this.#joiners === 0) await this.#close()
    }
    return {
      id: this.id,
      size: this.size,
      sizeProven: () => this.partial.verified.has(this.#groups - 1),
      missing: () => this.#runs(false),
      decoder: (range) => this.#decoder(range),
      verifiedPrefix: () => this.#prefix(),
      waitFor: (offset, signal) => this.#waitFor(offset, signal),
      read: (range) => this.#read(range),
      finish: () => this.#finish(),
      abort: leave,
    }
  }

  /** Returns the verified ranges, and whether the size is proven. */
  progress(): { size: number; proven: boolean; ranges: ByteRange[] } {
    return {
      size: this.size,
      proven: this.partial.verified.has(this.#groups - 1),
      ranges: this.#runs(true),
    }
  }

  async land(batch: Batch): Promise<void> {
    this.#writing += 1
    try {
      const { disk } = this.#store
      const { data, bulk, outboard } = this.partial
      if (this.#admitted <= 0) {
        // Only the missing bytes count, so that a small blob needs little space.
        const left = this.size - this.partial.verified.count * GROUP_BYTES
        const wanted = Math.min(SPACE_CHECK_BYTES, Math.max(left, batch.end - batch.start))
        await admit(this.#store, wanted)
        this.#admitted = wanted
      }
      this.#admitted -= batch.end - batch.start
      const content = async (): Promise<void> => {
        if ((await bulk?.write(batch.content, batch.start)) !== true)
          await disk.write(data.file, [batch.content], batch.start)
      }
      const writes = [content()]
      for (const run of batch.parents)
        writes.push(disk.write(outboard.file, [run.bytes], HEADER_BYTES + run.index * PARENT_BYTES))
      // All writes must have ended before the batch is released, also if they failed.
      for (const result of await Promise.allSettled(writes))
        if (result.status === 'rejected') throw result.reason
      if (batch.groups > 0) this.#mark(batch)
    } finally {
      batch.release()
      this.#writing -= 1
      if (this.#writing === 0) this.#idle?.resolve()
    }
  }

  #mark(batch: Batch): void {
    const { verified } = this.partial
    verified.addRange({ first: batch.start / GROUP_BYTES, end: groupCount(batch.end) })
    const prefix = this.#prefix()
    for (const waiter of this.#waiters) if (waiter.offset <= prefix) waiter.wake.resolve()
    const { clock } = this.#store
    const unsaved = verified.count - this.#checkpointGroups
    if (
      unsaved >= CHECKPOINT_BYTES / GROUP_BYTES ||
      clock.monotonic() - this.#checkpointAt >= CHECKPOINT_MS
    )
      this.#checkpoint()
  }

  /** Makes the current progress durable. Runs in the background, at most once at a time. */
  #checkpoint(): void {
    this.#checkpointing ??= this.#saveProgress().then(
      () => {
        this.#checkpointing = undefined
      },
      (error: unknown) => {
        // The next write fails on the same disk, and its caller gets the error.
        this.#checkpointing = undefined
        this.#store.log.warn(
          { blob: this.id, error: String(error) },
          'the progress of a transfer could not be saved',
        )
      },
    )
  }

  async #saveProgress(): Promise<void> {
    const { disk, clock } = this.#store
    const { data, outboard, verified } = this.partial
    const bits = verified.bytes()
    this.#checkpointGroups = verified.count
    this.#checkpointAt = clock.monotonic()
    await Promise.all([disk.sync(data.file), disk.sync(outboard.file)])
    // Crash here: the data has no bits in the bitmap and is fetched again.
    await writeBitmap(this.#store, this.partial, bits)
  }

  #decoder(range: ByteRange): RangeSink {
    this.#requireOpen()
    requireInside(range, this.size)
    const sink = createSink(this, range)
    this.#sinks.add(sink)
    const forget = (): boolean => this.#sinks.delete(sink)
    return {
      write: (encoded) => sink.write(encoded),
      get done() {
        return sink.done
      },
      drained: () => sink.drained(),
      end: () => {
        forget()
        sink.end()
      },
      close: () => {
        forget()
        sink.close()
      },
    }
  }

  async #waitFor(offset: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (offset > this.size)
      throw blobError('blob.range', { start: offset, end: offset, size: this.size })
    if (this.#prefix() >= offset) return
    this.#requireOpen()
    const waiter = { offset, wake: Promise.withResolvers<void>() }
    const onAbort = (): void => waiter.wake.reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#waiters.add(waiter)
    try {
      await waiter.wake.promise
    } finally {
      this.#waiters.delete(waiter)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #read(range: ByteRange): Promise<Uint8Array> {
    requireInside(range, this.size)
    if (range.end - range.start > MAX_READ_BYTES)
      throw blobError('blob.range', { ...range, size: this.size })
    if (this.#state === 'closed') throw blobError('blob.aborted', { id: this.id })
    // The transfer may have just finished. The same bytes have their final name then.
    if (this.#state === 'finished') return readWhole(this.#store, this.id, range)
    if (range.end > range.start && !this.partial.verified.hasRange(groupsOf(range, this.size))) {
      throw blobError('blob.unverified', { id: this.id, start: range.start, end: range.end })
    }
    return readBytes(this.id, this.partial.data.file, range)
  }

  #finish(): Promise<{ size: number }> {
    this.#finished ??= this.#finishOnce().catch((error: unknown) => {
      this.#finished = undefined
      throw error
    })
    return this.#finished
  }

  async #finishOnce(): Promise<{ size: number }> {
    if (this.#state !== 'open') throw blobError('blob.aborted', { id: this.id })
    await this.#quiet()
    const missing = this.#runs(false).reduce((sum, run) => sum + run.end - run.start, 0)
    if (this.partial.verified.count < this.#groups)
      throw blobError('blob.incomplete', { id: this.id, missing })
    this.#state = 'finishing'
    try {
      await this.#checkpointing
      const { data, outboard, bitmapPath } = this.partial
      this.#store.disk.admit()
      await settle(this.#store, [data, outboard])
      // Crash here: all data is there and read-only, and the bitmap may be older. A resumption
      // makes the files writable, hashes the claimed groups and fetches the rest.
      await commit(this.#store, this.id, data, this.#groups > 1 ? outboard : undefined)
      // Crash here: the blob is whole. The bitmap without data is removed later.
      await this.#store.disk.remove(bitmapPath)
      if (this.#groups === 1) await this.#store.disk.remove(outboard.path)
    } catch (error) {
      this.#state = 'open'
      throw error
    }
    this.#state = 'finished'
    await closePartial(this.partial)
    this.#release()
    return { size: this.size }
  }

  async #close(): Promise<void> {
    if (this.#state === 'finishing') await this.#finished?.catch(() => undefined)
    if (this.#state !== 'open') return
    this.#state = 'closed'
    for (const sink of this.#sinks) sink.close()
    await this.#quiet()
    await this.#checkpointing
    if (this.partial.verified.count > this.#checkpointGroups) {
      await this.#saveProgress().catch((error: unknown) => {
        this.#store.log.warn(
          { blob: this.id, error: String(error) },
          'the progress of a transfer could not be saved',
        )
      })
    }
    if (this.partial.verified.count === 0) await discardPartial(this.#store, this.partial)
    else await closePartial(this.partial)
    this.#release()
  }

  #release(): void {
    for (const waiter of this.#waiters) {
      if (this.#state === 'finished') waiter.wake.resolve()
      else waiter.wake.reject(blobError('blob.aborted', { id: this.id }))
    }
    this.#over()
  }

  /** Resolves when no write is in progress. */
  async #quiet(): Promise<void> {
    while (this.#writing > 0) {
      this.#idle ??= Promise.withResolvers()
      await this.#idle.promise
      this.#idle = undefined
    }
  }

  #prefix(): number {
    return Math.min(this.partial.verified.prefix * GROUP_BYTES, this.size)
  }

  #runs(verified: boolean): ByteRange[] {
    return this.partial.verified.runs(this.#groups, verified).map((run) => bytesOf(run, this.size))
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw blobError('blob.aborted', { id: this.id })
  }
}

/** Reads bytes of a blob that the pool has whole. */
export async function readWhole(store: Store, id: BlobId, range: ByteRange): Promise<Uint8Array> {
  const { file } = await openBlob(store.layout.blob(id), id)
  try {
    return await readBytes(id, file, range)
  } finally {
    await file.close()
  }
}

async function readBytes(
  id: BlobId,
  file: FileHandle,
  { start, end }: ByteRange,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(end - start)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
  if (bytesRead < bytes.length)
    throw blobError('blob.damaged', { id, reason: 'its file was cut short' })
  return bytes
}
