/**
 * The coordinator's index of the holders of blobs. It is in memory and comes from announcements of
 * connected members. An entry ends when it expires or the member leaves. A wrong entry causes only
 * one failed request of a fetch.
 */
import type { Clock } from '../../shared/clock.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import {
  type Announcement,
  MAX_PROVIDERS,
  type Provider,
} from '../../protocols/providers/messages.ts'
import type { Holding } from '../../protocols/blobs/messages.ts'
import { plausible } from '../libp2p/address.ts'

/** The lifetime of an announcement. Nodes announce again after half of it. */
export const EXPIRES_MS = 30 * 60_000
/**
 * The limit of one peer. Its newest blobs are kept. Each range of a partial blob counts once more,
 * because it needs memory.
 */
const MAX_BLOBS_PER_PEER = 100_000
/** The limit of the entries of all peers. An entry needs some 200 bytes. */
const MAX_ENTRIES = 1_000_000

export interface ProviderIndex {
  /**
   * Stores an announcement of a connected peer. `seenAt` is the address of its connection. Returns
   * the milliseconds until the announcement expires.
   */
  announce(peer: string, seenAt: string, announcement: Announcement): number
  /**
   * Returns up to {@link MAX_PROVIDERS} providers other than the asker. Those with the whole blob
   * come first. Each group is in random order, which spreads the load.
   */
  find(id: BlobId, asker: string | undefined): Provider[]
  /** Returns true if the index has all blobs of the peer. */
  knowsAll(peer: string): boolean
  /** Removes the entries of a peer that left. */
  drop(peer: string): void
  /** The number of entries for metrics. Each range of a partial blob is one more entry. */
  readonly size: number
}

type SizedHolding = Holding & { size: number }

interface PeerEntry {
  addresses: string[]
  expiresAt: number
  /** The weight of the blobs that the peer holds. */
  weight: number
  /** True if the peer announced all its blobs. */
  all: boolean
  /** True if some announced blobs were removed because of a limit. */
  cut: boolean
  readonly holds: Map<BlobId, SizedHolding>
}

export function createProviderIndex(deps: { clock: Clock; random: Random }): ProviderIndex {
  return new MemoryIndex(deps)
}

class MemoryIndex implements ProviderIndex {
  readonly #deps: { readonly clock: Clock; readonly random: Random }
  readonly #peers = new Map<string, PeerEntry>()
  readonly #holders = new Map<BlobId, Set<string>>()
  size = 0

  constructor(deps: { clock: Clock; random: Random }) {
    this.#deps = deps
  }

  announce(peer: string, seenAt: string, announcement: Announcement): number {
    const entry = this.#peers.get(peer) ?? newEntry()
    this.#peers.set(peer, entry)
    entry.addresses = announcement.addresses.filter((address) => plausible(address, seenAt))
    entry.expiresAt = this.#deps.clock.monotonic() + EXPIRES_MS
    for (const id of announcement.drops) this.#remove(peer, entry, id)
    for (const { id, ...holding } of announcement.holds)
      if (!this.#add(peer, entry, id, holding)) break
    entry.all ||= announcement.all === true
    return EXPIRES_MS
  }

  knowsAll(peer: string): boolean {
    const entry = this.#peers.get(peer)
    return entry?.all === true && !entry.cut && entry.expiresAt > this.#deps.clock.monotonic()
  }

  find(id: BlobId, asker: string | undefined): Provider[] {
    const now = this.#deps.clock.monotonic()
    const found: { provider: Provider; order: number }[] = []
    for (const peer of this.#holders.get(id) ?? []) {
      const entry = this.#peers.get(peer)
      const holding = entry?.holds.get(id)
      if (entry === undefined || holding === undefined) continue
      if (entry.expiresAt <= now) this.drop(peer)
      else if (peer !== asker) {
        const order = this.#deps.random.fraction() + (holding.ranges === undefined ? 0 : 1)
        found.push({ provider: { peer, addresses: entry.addresses, ...holding }, order })
      }
    }
    return found
      .sort((a, b) => a.order - b.order)
      .slice(0, MAX_PROVIDERS)
      .map(({ provider }) => provider)
  }

  drop(peer: string): void {
    const entry = this.#peers.get(peer)
    if (entry === undefined) return
    for (const id of entry.holds.keys()) this.#remove(peer, entry, id)
    this.#peers.delete(peer)
  }

  /**
   * Adds a blob. Removes the peer's oldest blobs at its limit. Returns false if the index is full.
   */
  #add(peer: string, entry: PeerEntry, id: BlobId, holding: SizedHolding): boolean {
    this.#remove(peer, entry, id)
    const weight = weightOf(holding)
    if (this.size + weight > MAX_ENTRIES) {
      entry.cut = true
      return false
    }
    for (const oldest of entry.holds.keys()) {
      if (entry.weight + weight <= MAX_BLOBS_PER_PEER) break
      entry.cut = true
      this.#remove(peer, entry, oldest)
    }
    entry.holds.set(id, holding)
    entry.weight += weight
    this.size += weight
    this.#holders.set(id, (this.#holders.get(id) ?? new Set()).add(peer))
    return true
  }

  #remove(peer: string, entry: PeerEntry, id: BlobId): void {
    const holding = entry.holds.get(id)
    if (holding === undefined) return
    entry.holds.delete(id)
    entry.weight -= weightOf(holding)
    this.size -= weightOf(holding)
    const holders = this.#holders.get(id)
    holders?.delete(peer)
    if (holders?.size === 0) this.#holders.delete(id)
  }
}

function newEntry(): PeerEntry {
  return { addresses: [], expiresAt: 0, weight: 0, all: false, cut: false, holds: new Map() }
}

function weightOf(holding: Holding): number {
  return 1 + (holding.ranges?.length ?? 0)
}
