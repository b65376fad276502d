/** Reads a blob while it is fetched. */
import { blobError } from '../../shared/blobs/errors.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { BlobId } from '../../shared/ids.ts'
import { KIB } from '../../shared/units.ts'
import type { ByteRange } from '../../shared/blake3/geometry.ts'

/** The size of the steps in which a reader follows a fetch. */
const STEP_BYTES = 256 * KIB

export interface FetchedBlob {
  readonly pool: Pool
  readonly id: BlobId
  readonly size: number
  /** Fetches the whole blob. Calls `onStart` when the fetch begins. */
  readonly fetch: (onStart: () => void) => Promise<unknown>
}

/**
 * Yields each step of the range when it is verified. When the whole blob is in the pool, yields the
 * rest from there.
 */
export async function* readWhileFetching(
  blob: FetchedBlob,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { pool, id, size } = blob
  const { start, end } = range ?? { start: 0, end: size }
  if (start < 0 || end > size || start > end) throw blobError('blob.range', { start, end, size })
  const fetching = watchFetch(blob)
  const either = AbortSignal.any([signal, fetching.failed])
  // A transfer has up to three descriptors open. A reader of a queued fetch must not open any.
  await fetching.started
  either.throwIfAborted()
  if (fetching.isWhole()) return yield* pool.read(id, { start, end }, signal)
  const incoming = await pool.receive(id, size, either)
  try {
    for (let at = start; at < end; ) {
      const next = Math.min(end, at + STEP_BYTES)
      if (!fetching.isWhole()) await incoming.waitFor(next, either)
      if (fetching.isWhole()) return yield* pool.read(id, { start: at, end }, signal)
      yield await incoming.read({ start: at, end: next })
      at = next
    }
    // The reader has all its bytes. The fetch must still end, or the pool never gets the blob.
    await fetching.ended
    fetching.failed.throwIfAborted()
  } finally {
    await incoming.abort()
  }
}

interface WatchedFetch {
  /** Resolves when the fetch begins or has ended. */
  readonly started: Promise<void>
  readonly ended: Promise<void>
  /** Aborts with the error of the fetch. */
  readonly failed: AbortSignal
  isWhole(): boolean
}

function watchFetch(blob: FetchedBlob): WatchedFetch {
  const started = Promise.withResolvers<void>()
  const failed = new AbortController()
  let isWhole = false
  const ended = blob.fetch(started.resolve).then(
    () => {
      isWhole = true
      started.resolve()
    },
    (error: unknown) => {
      failed.abort(error)
      started.resolve()
    },
  )
  return { started: started.promise, ended, failed: failed.signal, isWhole: () => isWhole }
}
