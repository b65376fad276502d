/**
 * Serves blobs of a pool to members. The policy has authorised the caller. Every byte is hashed
 * again when it is read from the disk. The number of concurrent encodings is limited, in total and
 * for each member, so that a slow member delays only itself.
 */
import { GROUP_BYTES } from '../../shared/blake3/geometry.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { BlobId } from '../../shared/ids.ts'
import { MIB } from '../../shared/units.ts'
import { type Holding, MAX_RANGES } from '../../protocols/blobs/messages.ts'
import type { blobs } from '../../protocols/blobs/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { createFairSemaphore } from '../../shared/concurrency/fair-semaphore.ts'

/** The longest range of one request. It takes nine minutes at 1 Mbit/s. */
export const MAX_FETCH_BYTES = 64 * MIB
/**
 * The number of concurrent encodings. They need at most 270 MiB of memory. A few slow hosts can't
 * use all of them.
 */
const SERVING = 128
/**
 * The number of encodings for one member. It is the number of concurrent requests from a node to
 * one provider: eight fetches with two streams each. With fewer encodings, requests would wait and
 * count as stalled on a slow line.
 */
const SERVING_EACH = 16
/** The number of waiting requests: four of each member of a large fleet. */
const WAITING = 4_096

export function blobHandlers(pool: Pool): Handlers<typeof blobs> {
  const permits = createFairSemaphore({
    name: 'the queue of blob requests',
    total: SERVING,
    each: SERVING_EACH,
    waiting: WAITING,
  })
  return {
    fetch: async ({ id, size, start, end }, { peer, send, signal }) => {
      if (end - start > MAX_FETCH_BYTES)
        throw wireError('protocol.too-large', {
          what: 'range',
          bytes: end - start,
          limit: MAX_FETCH_BYTES,
        })
      if (start % GROUP_BYTES !== 0 || (end % GROUP_BYTES !== 0 && end !== size))
        throw blobError('blob.range', { start, end, size })
      const holding = await holdingOf(pool, id)
      if (holding.size === undefined) throw blobError('blob.unknown', { id })
      if (holding.size !== size)
        throw blobError('blob.size', { id, expected: holding.size, got: size })
      const release = await permits.acquire(peer.peerId ?? peer.transport, signal)
      let bytes = 0
      try {
        for await (const chunk of pool.encode(id, { start, end }, signal)) {
          bytes += chunk.length
          await send(chunk)
        }
      } catch (error) {
        throw hideDiskFailure(error)
      } finally {
        release()
      }
      return { bytes }
    },
    have: async ({ ids }) => {
      const holdings: Holding[] = []
      for (const id of ids) holdings.push(await holdingOf(pool, id))
      return { holdings }
    },
  }
}

/**
 * Converts errors of this node's disk, which contain paths. The caller gets an internal error, and
 * this node's log has the cause.
 */
function hideDiskFailure(error: unknown): unknown {
  const own = blobError.is(
    error,
    'blob.disk',
    'blob.folder',
    'blob.no-space',
    'blob.not-a-file',
    'blob.suspect',
  )
  return own ? new Error('the pool failed', { cause: error }) : error
}

/** Returns the size and ranges of a blob in the pool. */
export async function holdingOf(pool: Pool, id: BlobId): Promise<Holding> {
  const whole = await pool.stat(id)
  if (whole !== undefined) return { size: whole.size }
  const part = await pool.partial(id)
  if (part === undefined || part.ranges.length === 0) return {}
  return { size: part.size, ranges: part.ranges.slice(0, MAX_RANGES) }
}
