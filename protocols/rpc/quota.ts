/**
 * Limits the requests of each peer with a bucket of tokens. libp2p limits only the number of open
 * streams. Above {@link MAX_PEERS} the bucket with the oldest use is removed; it is usually full.
 */
import type { Clock } from '../../shared/clock.ts'

/** The maximum number of buckets. A fleet has fewer peers, and the buckets take at most 2 MiB. */
const MAX_PEERS = 10_000

export interface Quota {
  /** Takes one token of the peer's bucket. False if it is empty. */
  take(peer: string): boolean
}

export function createQuota(
  deps: { clock: Clock },
  options: { burst: number; perSecond: number },
): Quota {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take: (peer) => {
      const now = deps.clock.monotonic()
      const old = buckets.get(peer)
      const tokens =
        old === undefined
          ? options.burst
          : Math.min(options.burst, old.tokens + ((now - old.at) / 1000) * options.perSecond)
      // Reinserted at the end: the map's order is the order of last use, oldest first.
      buckets.delete(peer)
      for (const oldest of buckets.keys()) {
        if (buckets.size < MAX_PEERS) break
        buckets.delete(oldest)
      }
      buckets.set(peer, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
      return tokens >= 1
    },
  }
}
