/**
 * Fetches one blob from several providers at once. Their ranges are disjoint and verified group by
 * group. Another provider gets the range of a stalled one. After a failure, verified groups stay in
 * the pool, and the next fetch continues from them.
 */
import type { Away } from '../../protocols/providers/messages.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { MusterNode } from '../node.ts'
import { transferError } from './errors.ts'
import { Swarm } from './swarm.ts'
import { pull } from './pull.ts'
import type { ProviderHint } from './source.ts'

export interface FetchOptions {
  /**
   * The size in bytes from verified metadata. If it is absent, the fetch tries the sizes that
   * providers claim.
   */
  readonly size?: number
  /** Further providers, in addition to those that {@link FetchDeps.find} returns. */
  readonly providers?: readonly ProviderHint[]
  readonly signal: AbortSignal
  /** Called after each range with the number of verified bytes. */
  readonly progress?: (progress: { verified: number; size: number }) => void
  /** A provider without a byte for this time has stalled. Default: 10 s. */
  readonly stallMs?: number
}

export interface Found {
  readonly providers: readonly ProviderHint[]
  /** Hosts that may hold the blob. The tracker does not have a full list of their blobs now. */
  readonly away?: Away | undefined
}

export interface FetchDeps {
  readonly node: MusterNode
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  /** Asks the tracker. After an error, unknown nodes may still hold the blob. */
  readonly find: (id: BlobId, signal: AbortSignal) => Promise<Found>
}

/**
 * Fetches the blob into the pool.
 * @throws blob.unknown if no node holds it, transfer.* if that is uncertain, errors of the pool's
 * disk or of `find`, or the signal's reason
 */
export async function fetchBlob(
  deps: FetchDeps,
  id: BlobId,
  options: FetchOptions,
): Promise<{ size: number }> {
  const here = await deps.pool.stat(id)
  if (here !== undefined) return here
  const swarm = new Swarm(deps, id, options)
  await swarm.refresh()
  const sizes = options.size === undefined ? swarm.sizes() : [options.size]
  let failure: unknown
  for (const size of sizes) {
    try {
      return await fetchSized(deps, id, size, swarm, options)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!maybeWrongSize(error)) throw error
      failure = error
    }
  }
  throw failure ?? swarm.notFound()
}

/**
 * Returns true if a false size may be the cause. A false claim fails in many ways, and the next
 * claim may be true. Errors of this node's disk have another cause.
 */
function maybeWrongSize(error: unknown): boolean {
  return transferError.is(error) || (blobError.is(error) && !isOwnDisk(error))
}
const isOwnDisk = (error: unknown): boolean =>
  blobError.is(error, 'blob.no-space', 'blob.disk', 'blob.suspect', 'blob.folder')

async function fetchSized(
  deps: FetchDeps,
  id: BlobId,
  size: number,
  swarm: Swarm,
  options: FetchOptions,
): Promise<{ size: number }> {
  const incoming = await deps.pool.receive(id, size, options.signal)
  try {
    await pull(deps, incoming, swarm, options)
    return await incoming.finish()
  } finally {
    // This call does nothing after `finish`. Before it, verified ranges stay for the next fetch.
    await incoming.abort()
  }
}
