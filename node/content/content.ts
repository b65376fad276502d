/**
 * Content by its id, wherever it is: from this node's pool, or from the nodes that hold it, into
 * the pool and to the reader at once. Every byte that a reader gets was verified against the id
 * before. Serves the pool to other members, tells the coordinators what is in it, and on a
 * coordinator keeps track of who holds what.
 */
import { blobs } from '../../protocols/blobs/protocol.ts'
import type { Policy } from '../../protocols/rpc/peer.ts'
import { MAX_ANNOUNCED } from '../../protocols/providers/messages.ts'
import { providers } from '../../protocols/providers/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Incoming, Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { createQueue } from '../../shared/concurrency/queue.ts'
import type { Random } from '../../shared/random.ts'
import { KIB } from '../../shared/units.ts'
import { nodeError } from '../ground/errors.ts'
import type { MusterNode } from '../node.ts'
import { type AwayHosts, createAwayHosts, type FleetHost } from '../transfer/away.ts'
import { fetchBlob, type Found } from '../transfer/fetch.ts'
import { transferError } from '../transfer/errors.ts'
import { createProviderIndex, trackerHandlers } from '../transfer/provider-index.ts'
import { blobHandlers, holdingOf } from '../transfer/serve.ts'
import { createTracker, type Held } from '../transfer/tracker.ts'

export interface ByteRange {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

export interface Opened {
  /** Bytes of the whole blob. */
  readonly size: number
  /** @throws blob.range; blob.unknown, transfer.* where nobody can bring what is missing */
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface Provider {
  readonly name: string
  readonly peerId: string
  readonly whole: boolean
}

export interface Content {
  /**
   * The blob. With its size known from something verified, reading begins while the rest is on its
   * way; without, it is fetched whole first.
   * @throws blob.unknown if no host holds it; transfer.*, node.not-connected if that is not known
   */
  open(id: BlobId, signal: AbortSignal, known?: { size: number }): Promise<Opened>
  /**
   * Brings a blob that this node lacks into its pool. @throws blob.unknown, transfer.* where no
   * connected node has it
   */
  fetch(id: BlobId, signal: AbortSignal, known?: { size: number }): Promise<{ size: number }>
  providers(id: BlobId, signal: AbortSignal): Promise<Provider[]>
  /**
   * Tells the coordinators all that this node holds. Failures are logged: the next announcement
   * tells again.
   */
  announce(signal: AbortSignal): Promise<void>
  /** Tells the coordinators of one more blob. */
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
  /** Keep track of who holds what, for everybody: a coordinator's part. */
  readonly tracker: boolean
  /** The approved hosts, of a tracker: each of them may hold a blob. Absent: none. */
  readonly hosts?: () => readonly FleetHost[]
  /** Peer ids of the connected coordinators, to ask and to tell. */
  readonly coordinators: () => readonly string[]
}

/** Blobs fetched at once; each may use several providers. */
const FETCHES = 8
/** Fetches that wait: dnf asks for a few at a time, scripts for many. */
const WAITING = 10_000
/** A reader follows a fetch in steps of this. */
const PIECE_BYTES = 256 * KIB
/** Half of what an announcement stands for (EXPIRES_MS of the index). */
const ANNOUNCE_MS = 15 * 60_000
/** An announcement that a coordinator did not take is made again after this. */
const ANNOUNCE_AGAIN_MS = 5_000

export async function createContent(deps: ContentDeps, options: ContentOptions): Promise<Content> {
  const { node, pool, clock, log } = deps
  const serving = { policy: deps.policy, clock, log }
  const index = options.tracker ? createProviderIndex(deps) : undefined
  const awayHosts =
    index === undefined
      ? undefined
      : createAwayHosts({ node, clock, index }, { hosts: options.hosts ?? (() => []) })
  const closing = new AbortController()
  const queue = createQueue({
    name: 'the queue of blob fetches',
    concurrency: FETCHES,
    capacity: WAITING,
  })
  await node.handle(blobs, serveProtocol(blobs, blobHandlers(pool), serving))
  if (index !== undefined) {
    const own = (id: BlobId) => holdingOf(pool, id)
    const away: AwayHosts['find'] = async (...question) => awayHosts?.find(...question)
    const handlers = trackerHandlers(index, { self: node.peerId, own, away })
    await node.handle(providers, serveProtocol(providers, handlers, serving))
  }
  const offs = index === undefined ? [] : [node.on('disconnect', (peer) => index.drop(peer))]
  if (awayHosts !== undefined) offs.push(awayHosts.close)

  const tracker = createTracker({ node, clock, log }, options)
  const find = async (id: BlobId, signal: AbortSignal): Promise<Found> => {
    if (index === undefined) return tracker.find(id, signal)
    const providers = index.find(id, undefined)
    const away = await awayHosts?.find(undefined, signal, { wait: providers.length === 0 })
    return { providers: index.find(id, undefined), away }
  }

  /**
   * Brings the blob into the pool; several callers share one fetch, which ends when the last of
   * them leaves.
   */
  const fetch = (
    id: BlobId,
    signal: AbortSignal,
    { size, onStart }: { size?: number; onStart?: () => void } = {},
  ): Promise<{ size: number }> =>
    queue.run(
      async (shared) => {
        const fetched = await fetchBlob({ node, pool, clock, log, find }, id, {
          signal: shared,
          ...(size === undefined ? {} : { size }),
        })
        added(id, fetched.size)
        return fetched
      },
      { key: id, signal, ...(onStart && { onStart }) },
    )

  const added = (id: BlobId, size: number): void => {
    void tracker
      .tell([{ id, size }])
      .catch((error: unknown) => log.error({ error }, 'a blob was not announced'))
  }
  const announce = async (signal: AbortSignal): Promise<void> => {
    let holds: Held[] = []
    let all = true
    for await (const held of pool.list()) {
      if (signal.aborted) return
      holds.push(held)
      if (holds.length === MAX_ANNOUNCED) {
        all = (await tracker.tell(holds)) && all
        holds = []
      }
    }
    // Also with nothing to tell: the coordinator learns where this node can be dialled.
    all = (await tracker.tell(holds, { all })) && all
    // A coordinator that is starting may not take it; until it does, it knows nothing of this pool.
    if (!all && !closing.signal.aborted) retry ??= clock.after(ANNOUNCE_AGAIN_MS, announceAgain)
  }
  let retry: (() => void) | undefined
  const announceAgain = (): void => {
    retry = undefined
    announce(closing.signal).catch((error: unknown) =>
      log.warn({ error }, 'the pool was not announced'),
    )
  }
  if (!options.tracker) offs.push(clock.every(ANNOUNCE_MS, announceAgain))

  const here = (id: BlobId, size: number): Opened => ({
    size,
    read: (range, signal) => pool.read(id, range, signal),
  })

  return {
    async open(id, signal, known) {
      const stored = await pool.stat(id)
      if (stored !== undefined) return here(id, stored.size)
      if (known === undefined) return here(id, (await fetch(id, signal)).size)
      return {
        size: known.size,
        read: (range, more) =>
          follow(
            {
              pool,
              id,
              size: known.size,
              fetch: (onStart) => fetch(id, more, { size: known.size, onStart }),
            },
            range,
            more,
          ),
      }
    },
    fetch: (id, signal, known) => fetch(id, signal, known),
    async providers(id, signal) {
      const own = await holdingOf(pool, id)
      const { providers: hints, away } = await find(id, signal).catch((error: unknown) => {
        // Without a coordinator this node still knows of itself.
        if (own.size === undefined) throw error
        return { providers: [], away: undefined }
      })
      if (own.size === undefined && hints.length === 0 && away !== undefined)
        throw transferError('transfer.holders-away', { id, ...away })
      const nameOf = (peer: string): string => node.peer(peer)?.member?.name ?? peer
      const others = hints.map((hint) => ({
        name: nameOf(hint.peer),
        peerId: hint.peer,
        whole: hint.ranges === undefined,
      }))
      if (own.size === undefined || others.some((other) => other.peerId === node.peerId))
        return others
      return [
        { name: 'this node', peerId: node.peerId, whole: own.ranges === undefined },
        ...others,
      ]
    },
    announce,
    added,
    async close() {
      closing.abort(nodeError('node.closed'))
      tracker.close()
      retry?.()
      for (const off of offs) off()
      await queue.close()
    },
  }
}

/**
 * Reads the range while the blob is fetched: each piece as soon as the verified prefix reaches it,
 * the rest from the pool once it is whole.
 */
async function* follow(
  job: { pool: Pool; id: BlobId; size: number; fetch: (onStart: () => void) => Promise<unknown> },
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { pool, id, size } = job
  const { start, end } = range ?? { start: 0, end: size }
  if (start < 0 || end > size || start > end) throw blobError('blob.range', { start, end, size })
  const started = Promise.withResolvers<void>()
  // Ends the waits below with the failure of the fetch.
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  let whole = false
  const fetching = job.fetch(started.resolve).then(
    () => {
      whole = true
      started.resolve()
    },
    (error: unknown) => {
      failed.abort(error)
      started.resolve()
    },
  )
  // A transfer holds up to three descriptors. A reader whose fetch waits for its turn opens none.
  await started.promise
  either.throwIfAborted()
  if (whole) return yield* pool.read(id, { start, end }, signal)
  const incoming: Incoming = await pool.receive(id, size, either)
  try {
    for (let at = start; at < end; ) {
      const next = Math.min(end, at + PIECE_BYTES)
      if (!whole) await incoming.waitFor(next, either)
      if (whole) return yield* pool.read(id, { start: at, end }, signal)
      yield await incoming.read({ start: at, end: next })
      at = next
    }
    // dnf has its bytes; the pool gets the file only if the fetch may end.
    await fetching
    failed.signal.throwIfAborted()
  } finally {
    await incoming.abort()
  }
}
