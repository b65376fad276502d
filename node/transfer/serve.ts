/**
 * Serves blobs of a pool to members. Who may ask was decided before anything is looked up; what
 * goes out was hashed again on its way from the disk. A few encodings run at once, the others wait:
 * each holds two megabytes, and more of them only make the disk seek. Nobody gets more than a few
 * of the permits, so that a reader that is slow, or never reads, keeps nobody else from content.
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

/** The longest range that one request may ask for: at 1 Mbit/s it takes nine minutes. */
export const MAX_FETCH_BYTES = 64 * MIB
/**
 * Encodings at once, some 270 MiB of memory at most: each lasts as long as its reader's line takes
 * for 32 MiB, so few would be held by few slow hosts.
 */
const SERVING = 128
/**
 * Of them for one member: all that a node asks one provider for at once, eight fetches with two
 * streams each. Fewer would make its own requests wait for one another, and on a slow line longer
 * than it takes a provider for stalled.
 */
const SERVING_EACH = 16
/** Requests that wait for their turn: every member of a large fleet with four under way. */
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
      const over = await permits.acquire(peer.peerId ?? peer.transport, signal)
      let bytes = 0
      try {
        for await (const chunk of pool.encode(id, { start, end }, signal)) {
          bytes += chunk.length
          await send(chunk)
        }
      } catch (error) {
        throw ownAffair(error)
      } finally {
        over()
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
 * A disk that fails is nobody else's affair, with the paths that it names: the caller hears of a
 * fault here, and our own log has the rest.
 */
function ownAffair(error: unknown): unknown {
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

/** What the pool has of a blob. */
export async function holdingOf(pool: Pool, id: BlobId): Promise<Holding> {
  const whole = await pool.stat(id)
  if (whole !== undefined) return { size: whole.size }
  const part = await pool.partial(id)
  if (part === undefined || part.ranges.length === 0) return {}
  return { size: part.size, ranges: part.ranges.slice(0, MAX_RANGES) }
}
