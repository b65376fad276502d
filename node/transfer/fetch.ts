/**
 * One blob from several providers at once: disjoint ranges, verified group by group into the pool,
 * stalled ranges moved to someone else, interrupted fetches gone on with. Ends when the blob is
 * whole and durable, or when nobody is left who could bring what is missing; what was verified
 * stays in either case.
 */
import type { Away } from '../../protocols/providers/messages.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { MusterNode } from '../node.ts'
import { transferError } from './errors.ts'
import { type Swarm, createSwarm } from './swarm.ts'
import { pull } from './pull.ts'
import type { ProviderHint } from './source.ts'

export interface FetchOptions {
  /**
   * The size in bytes where signed or verified metadata say it; without it the providers' claims
   * are tried.
   */
  readonly size?: number
  /** Who may have it, besides whom {@link FetchDeps.find} names. */
  readonly providers?: readonly ProviderHint[]
  readonly signal: AbortSignal
  /** Called after each range with the bytes that are verified. */
  readonly progress?: (progress: { verified: number; size: number }) => void
  /** Without a byte for so long, a provider has stalled; default 10 s. */
  readonly stallMs?: number
}

export interface Found {
  readonly providers: readonly ProviderHint[]
  /** Hosts that may hold the blob too, which the tracker cannot say now. */
  readonly away?: Away | undefined
}

export interface FetchDeps {
  readonly node: MusterNode
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Logger
  /** Asks the tracker. An error counts as an empty answer that leaves it open who else has it. */
  readonly find: (id: BlobId, signal: AbortSignal) => Promise<Found>
}

/**
 * Brings the blob into the pool. Throws blob.unknown if no node has it, transfer.* if that is not
 * known, errors of the pool's disk or of `find`, or the signal's reason.
 */
export async function fetchBlob(
  deps: FetchDeps,
  id: BlobId,
  options: FetchOptions,
): Promise<{ size: number }> {
  const here = await deps.pool.stat(id)
  if (here !== undefined) return here
  const swarm = createSwarm(deps, id, options)
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
  throw failure ?? swarm.nobody()
}

/**
 * A wrong claim about the size fails in many ways, and the next claim may be true. A disk that is
 * full or broken is our own, whatever was claimed.
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
    // After `finish` this does nothing; before it, what is verified stays for the next fetch.
    await incoming.abort()
  }
}
