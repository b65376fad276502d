/**
 * Requests per peer, as a bucket of tokens for each. libp2p bounds how many streams are open at
 * once, not how many are opened in a second. Memory is bounded: past {@link MAX_PEERS} the bucket
 * that was used longest ago is forgotten, which is full again in all but a flood of new peers.
 */
import type { Clock } from '../../shared/clock.ts'

/** More peers than a fleet has; some 2 MiB of buckets at most. */
const MAX_PEERS = 10_000

export interface Quota {
  /** Takes one token of the peer's bucket; false if it is empty. */
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
      if (buckets.size >= MAX_PEERS) buckets.delete(buckets.keys().next().value as string)
      buckets.set(peer, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
      return tokens >= 1
    },
  }
}
