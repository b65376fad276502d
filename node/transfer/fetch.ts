/**
 * Fetches one blob from several providers at once, in disjoint ranges that are verified group by
 * group. Stalled ranges move to other providers. Verified groups stay in the pool after a failure,
 * and the next fetch continues from them.
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
  /** The size in bytes from verified metadata. Without it the providers' claims are tried. */
  readonly size?: number
  /** Providers besides those that {@link FetchDeps.find} returns. */
  readonly providers?: readonly ProviderHint[]
  readonly signal: AbortSignal
  /** Called after each range with the verified bytes. */
  readonly progress?: (progress: { verified: number; size: number }) => void
  /** Without a byte for this long, a provider has stalled. Default 10 s. */
  readonly stallMs?: number
}

export interface Found {
  readonly providers: readonly ProviderHint[]
  /** Hosts that may hold the blob, but whose blobs the tracker doesn't know now. */
  readonly away?: Away | undefined
}

export interface FetchDeps {
  readonly node: MusterNode
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  /** Asks the tracker. After an error, other nodes may still hold the blob. */
  readonly find: (id: BlobId, signal: AbortSignal) => Promise<Found>
}

/**
 * Fetches the blob into the pool.
 * @throws blob.unknown if no node holds it, transfer.* if that is uncertain, errors of the pool's
 *   disk or of `find`, or the signal's reason
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
 * A false claim about the size fails in many ways, and the next claim may be true. Errors of our
 * disk have another cause.
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
    // Does nothing after `finish`. Before it, verified ranges stay for the next fetch.
    await incoming.abort()
  }
}
