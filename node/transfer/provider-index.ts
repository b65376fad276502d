/**
 * Who holds what, as the coordinator knows it: in memory, from the announcements of connected
 * members, forgotten when they expire or leave. A wrong entry costs a fetch one refused question;
 * nothing is decided by it.
 */
import type { Clock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import {
  type Announcement,
  MAX_PROVIDERS,
  type Provider,
} from '../../protocols/providers/messages.ts'
import type { providers } from '../../protocols/providers/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Holding } from '../../protocols/blobs/messages.ts'
import { plausible } from '../libp2p/address.ts'
import type { AwayHosts } from './away.ts'

/**
 * Nodes announce again in half of this; a node that vanished without a word is named no longer than
 * this.
 */
export const EXPIRES_MS = 30 * 60_000
/**
 * A host with more blobs announces those that it took last. A blob counts once, and once more for
 * each range of a partial one, which takes as much memory.
 */
const MAX_BLOBS_PER_PEER = 100_000
/** All together, counted in the same way: some 200 bytes each. */
const MAX_ENTRIES = 1_000_000

export interface ProviderIndex {
  /**
   * Takes an announcement of a peer that is connected from `seenAt`. Returns how long it stands, in
   * milliseconds.
   */
  announce(peer: string, seenAt: string, announcement: Announcement): number
  /**
   * Up to {@link MAX_PROVIDERS} providers other than the asker, whole ones first, in random order
   * so that the load spreads.
   */
  find(id: BlobId, asker: string | undefined): Provider[]
  /** True if all that the peer holds is known here. */
  knowsAll(peer: string): boolean
  /** Forgets a peer that left. */
  drop(peer: string): void
  /** Entries held, each range of a partial blob counted as one more, for metrics. */
  readonly size: number
}

interface Known {
  addresses: string[]
  expiresAt: number
  /** What its holdings count for. */
  weight: number
  /** It announced all that it holds. */
  all: boolean
  /** Something that it announced was forgotten for lack of room. */
  cut: boolean
  readonly holds: Map<BlobId, Holding & { size: number }>
}

export function createProviderIndex(deps: { clock: Clock; random: Random }): ProviderIndex {
  const peers = new Map<string, Known>()
  const holders = new Map<BlobId, Set<string>>()
  let entries = 0

  const release = (peer: string, known: Known, id: BlobId): void => {
    const held = known.holds.get(id)
    if (held === undefined) return
    known.holds.delete(id)
    known.weight -= weightOf(held)
    entries -= weightOf(held)
    const set = holders.get(id)
    set?.delete(peer)
    if (set?.size === 0) holders.delete(id)
  }
  const drop = (peer: string): void => {
    const known = peers.get(peer)
    if (known === undefined) return
    for (const id of known.holds.keys()) release(peer, known, id)
    peers.delete(peer)
  }
  return {
    announce: (peer, seenAt, announcement) => {
      const known: Known = peers.get(peer) ?? {
        addresses: [],
        expiresAt: 0,
        weight: 0,
        all: false,
        cut: false,
        holds: new Map(),
      }
      peers.set(peer, known)
      known.addresses = announcement.addresses.filter((address) => plausible(address, seenAt))
      known.expiresAt = deps.clock.monotonic() + EXPIRES_MS
      for (const id of announcement.drops) release(peer, known, id)
      for (const { id, ...holding } of announcement.holds) {
        release(peer, known, id)
        const weight = weightOf(holding)
        if (entries + weight > MAX_ENTRIES) {
          known.cut = true
          break
        }
        while (known.weight + weight > MAX_BLOBS_PER_PEER) {
          known.cut = true
          release(peer, known, known.holds.keys().next().value as BlobId)
        }
        known.holds.set(id, holding)
        known.weight += weight
        entries += weight
        const set = holders.get(id) ?? new Set()
        holders.set(id, set.add(peer))
      }
      known.all ||= announcement.all === true
      return EXPIRES_MS
    },
    knowsAll: (peer) => {
      const known = peers.get(peer)
      return known?.all === true && !known.cut && known.expiresAt > deps.clock.monotonic()
    },
    find: (id, asker) => {
      const now = deps.clock.monotonic()
      const found: { provider: Provider; order: number }[] = []
      for (const peer of holders.get(id) ?? []) {
        const known = peers.get(peer) as Known
        if (known.expiresAt <= now) drop(peer)
        else if (peer !== asker) {
          const holding = known.holds.get(id) as Holding & { size: number }
          const order = deps.random.fraction() + (holding.ranges === undefined ? 0 : 1)
          found.push({ provider: { peer, addresses: known.addresses, ...holding }, order })
        }
      }
      return found
        .sort((a, b) => a.order - b.order)
        .slice(0, MAX_PROVIDERS)
        .map(({ provider }) => provider)
    },
    drop,
    get size() {
      return entries
    },
  }
}

function weightOf(holding: Holding): number {
  return 1 + (holding.ranges?.length ?? 0)
}

export interface TrackerOptions {
  /** The coordinator's own peer id, named first where its pool has the blob. */
  readonly self: string
  readonly own: (id: BlobId) => Promise<Holding>
  /** Hosts other than the asker whose blobs are not known here. */
  readonly away: AwayHosts['find']
}

export function trackerHandlers(
  index: ProviderIndex,
  options: TrackerOptions,
): Handlers<typeof providers> {
  return {
    announce: async (announcement, { peer }) => ({
      expiresInMs: index.announce(peer.peerId as string, peer.address, announcement),
    }),
    find: async ({ ids }, { peer, signal }) => {
      const found: Provider[][] = []
      let certain = true
      for (const id of ids) {
        const { size, ranges } = await options.own(id)
        const own: Provider[] =
          size === undefined
            ? []
            : [
                {
                  peer: options.self,
                  addresses: [],
                  size,
                  ...(ranges === undefined ? {} : { ranges }),
                },
              ]
        certain &&= size !== undefined && ranges === undefined
        found.push([...own, ...index.find(id, peer.peerId)].slice(0, MAX_PROVIDERS))
      }
      if (certain) return { found }
      const away = await options.away(peer.peerId, signal, {
        wait: found.some(({ length }) => length === 0),
      })
      // A host that came in the meantime may hold what was asked for.
      const late = found.map((known, at) =>
        known.length > 0 ? known : index.find(ids[at] as BlobId, peer.peerId),
      )
      return { found: late, ...(away && { away }) }
    },
  }
}
