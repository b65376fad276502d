/**
 * Finds and reads blobs by id, from this node's pool or from other nodes. Readers get only verified
 * bytes. The node also serves its pool to members and announces its blobs. On a coordinator, it
 * keeps the index of holders.
 */
import { blobs } from '../../protocols/blobs/protocol.ts'
import type { Policy } from '../../protocols/rpc/peer.ts'
import { providers } from '../../protocols/providers/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { createQueue } from '../../shared/concurrency/queue.ts'
import type { Random } from '../../shared/random.ts'
import { nodeError } from '../ground/errors.ts'
import type { MusterNode } from '../node.ts'
import { createAwayHosts, type FleetHost } from '../transfer/away.ts'
import { fetchBlob, type Found } from '../transfer/fetch.ts'
import { transferError } from '../transfer/errors.ts'
import { createProviderIndex } from '../transfer/provider-index.ts'
import { blobHandlers, holdingOf } from '../transfer/serve.ts'
import { createTracker } from '../transfer/tracker.ts'
import { trackerHandlers } from '../transfer/tracker-handlers.ts'
import { createAnnouncer } from './announcer.ts'
import { readWhileFetching } from './read-while-fetching.ts'

export interface ByteRange {
  readonly start: number
  /** The offset after the last byte. */
  readonly end: number
}

export interface Opened {
  /** The size of the whole blob in bytes. */
  readonly size: number
  /**
   * Reads a range.
   * @throws blob.range, or blob.unknown and transfer.* if no node has the missing bytes
   */
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface Provider {
  readonly name: string
  readonly peerId: string
  readonly whole: boolean
}

export interface Content {
  /**
   * Opens the blob. If the size is known from verified metadata, the blob can be read during its
   * fetch. Otherwise it is fetched first.
   * @throws blob.unknown if no host holds it, transfer.* or node.not-connected if that is uncertain
   */
  open(id: BlobId, signal: AbortSignal, known?: { size: number }): Promise<Opened>
  /**
   * Fetches a blob that the pool lacks.
   * @throws blob.unknown, transfer.* if no connected node has it
   */
  fetch(id: BlobId, signal: AbortSignal, known?: { size: number }): Promise<{ size: number }>
  providers(id: BlobId, signal: AbortSignal): Promise<Provider[]>
  /** Announces all blobs of this node to the coordinators. Failures are logged and retried. */
  announce(signal: AbortSignal): Promise<void>
  /** Announces one more blob to the coordinators. */
  added(id: BlobId, size: number): void
  close(): Promise<void>
}

export interface ContentDeps {
  readonly node: MusterNode
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly policy: Policy
}

export interface ContentOptions {
  /** True on a coordinator, to keep the index of holders for the fleet. */
  readonly tracker: boolean
  /** Returns the approved hosts, for a tracker. Each may hold any blob. Default: none. */
  readonly hosts?: () => readonly FleetHost[]
  /** Returns the peer ids of the connected coordinators. */
  readonly coordinators: () => readonly string[]
}

/** The number of blobs that are fetched at the same time. Each may use several providers. */
const FETCHES = 8
/** The number of waiting fetches. dnf requests a few files at a time, and scripts request many. */
const WAITING = 10_000

export async function createContent(deps: ContentDeps, options: ContentOptions): Promise<Content> {
  const { node, pool, clock, log } = deps
  const closing = new AbortController()
  const queue = createQueue({
    name: 'the queue of blob fetches',
    concurrency: FETCHES,
    capacity: WAITING,
  })
  const serving = { policy: deps.policy, clock, log }
  await node.handle(blobs, serveProtocol(blobs, blobHandlers(pool), serving))
  const tracker = createTracker({ node, clock, log }, options)
  const index = options.tracker ? await serveIndex(deps, options.hosts ?? (() => [])) : undefined
  const announcer = createAnnouncer({ pool, tracker, clock, log }, closing.signal)
  const endRepeat = index === undefined ? announcer.repeat() : undefined
  const find: Find = index?.find ?? tracker.find

  /**
   * Fetches a blob. Callers for the same blob share one fetch, which ends when the last of them
   * leaves.
   */
  const fetch: Fetch = (id, signal, { size, onStart } = {}) =>
    queue.run(
      async (shared) => {
        const fetched = await fetchBlob({ node, pool, clock, log, find }, id, {
          signal: shared,
          ...defined({ size }),
        })
        announcer.announce({ id, size: fetched.size })
        return fetched
      },
      { key: id, signal, ...defined({ onStart }) },
    )
  return {
    open: (id, signal, known) => open({ pool, fetch }, id, signal, known),
    fetch,
    providers: (id, signal) => providersOf({ node, pool, find }, id, signal),
    announce: announcer.announceAll,
    added: (id, size) => announcer.announce({ id, size }),
    async close() {
      closing.abort(nodeError('node.closed'))
      tracker.close()
      announcer.close()
      endRepeat?.()
      index?.close()
      await queue.close()
    },
  }
}

type Find = (id: BlobId, signal: AbortSignal) => Promise<Found>
type Fetch = (
  id: BlobId,
  signal: AbortSignal,
  options?: { readonly size?: number; readonly onStart?: () => void },
) => Promise<{ size: number }>

/** Serves the index of holders to the members of the fleet. */
async function serveIndex(
  deps: ContentDeps,
  hosts: () => readonly FleetHost[],
): Promise<{ readonly find: Find; close(): void }> {
  const { node, pool, clock, log } = deps
  const index = createProviderIndex(deps)
  const awayHosts = createAwayHosts({ node, clock, index }, { hosts })
  const own = (id: BlobId) => holdingOf(pool, id)
  const handlers = trackerHandlers(index, { self: node.peerId, own, away: awayHosts.find })
  const serving = { policy: deps.policy, clock, log }
  await node.handle(providers, serveProtocol(providers, handlers, serving))
  const off = node.on('disconnect', index.drop.bind(index))
  return {
    find: async (id, signal) => {
      const wait = index.find(id, undefined).length === 0
      const away = await awayHosts.find(undefined, signal, { wait })
      return { providers: index.find(id, undefined), away }
    },
    close: () => {
      off()
      awayHosts.close()
    },
  }
}

async function open(
  { pool, fetch }: { readonly pool: Pool; readonly fetch: Fetch },
  id: BlobId,
  signal: AbortSignal,
  known: { readonly size: number } | undefined,
): Promise<Opened> {
  const stored = await pool.stat(id)
  if (stored === undefined && known !== undefined) {
    const { size } = known
    return {
      size,
      read: (range, more) =>
        readWhileFetching(
          { pool, id, size, fetch: (onStart) => fetch(id, more, { size, onStart }) },
          range,
          more,
        ),
    }
  }
  const { size } = stored ?? (await fetch(id, signal))
  return { size, read: (range, more) => pool.read(id, range, more) }
}

async function providersOf(
  { node, pool, find }: { readonly node: MusterNode; readonly pool: Pool; readonly find: Find },
  id: BlobId,
  signal: AbortSignal,
): Promise<Provider[]> {
  const own = await holdingOf(pool, id)
  const { providers: hints, away } = await find(id, signal).catch((error: unknown) => {
    // Without a coordinator, this node still finds its own blobs.
    if (own.size === undefined) throw error
    return { providers: [], away: undefined }
  })
  if (own.size === undefined && hints.length === 0 && away !== undefined)
    throw transferError('transfer.holders-away', { id, ...away })
  const others = hints.map(({ peer, ranges }) => ({
    name: node.peer(peer)?.member?.name ?? peer,
    peerId: peer,
    whole: ranges === undefined,
  }))
  if (own.size === undefined || others.some(({ peerId }) => peerId === node.peerId)) return others
  return [{ name: 'this node', peerId: node.peerId, whole: own.ranges === undefined }, ...others]
}
