/**
 * Finds the hosts that may hold a blob that no announcement contains. These are approved hosts that
 * are offline, and connected hosts that have not announced all of their blobs. See
 * protocols/providers/README.md.
 */
import { type Away, MAX_AWAY_NAMES } from '../../protocols/providers/messages.ts'
import type { Clock } from '../../shared/clock.ts'
import type { MusterNode } from '../node.ts'
import type { ProviderIndex } from './provider-index.ts'

/** The time in which a new connection announces 100,000 blobs. */
const ANNOUNCING_MS = 2_000
const AGAIN_MS = 20

export interface FleetHost {
  readonly peerId: string
  readonly name: string
  /**
   * False if the host was never connected before this process started. Such a host had no blob of
   * the fleet at that time.
   */
  readonly wasConnected: boolean
}

export interface AwayHosts {
  /**
   * Returns undefined if no host is away. With `wait`, it waits for announcements of new
   * connections.
   */
  find(
    asker: string | undefined,
    signal: AbortSignal,
    options: { wait: boolean },
  ): Promise<Away | undefined>
  close(): void
}

export function createAwayHosts(
  deps: { node: MusterNode; clock: Clock; index: ProviderIndex },
  options: { hosts: () => readonly FleetHost[] },
): AwayHosts {
  const { node, clock, index } = deps
  const since = new Map<string, number>()
  // Only the listener changes this set: the hosts that were ever connected to this process.
  const seen = new Set<string>()
  const offs = [
    node.on('member', (peer) => {
      seen.add(peer)
      since.set(peer, clock.monotonic())
    }),
    node.on('disconnect', (peer) => since.delete(peer)),
  ]
  const isAnnouncing = ({ peerId }: FleetHost): boolean => {
    const connectedAt = since.get(peerId)
    return connectedAt !== undefined && clock.monotonic() - connectedAt < ANNOUNCING_MS
  }
  return {
    async find(asker, signal, { wait }) {
      for (;;) {
        const away = options
          .hosts()
          .filter(({ peerId, wasConnected }) => wasConnected || seen.has(peerId))
          .filter(({ peerId }) => peerId !== asker && !index.knowsAll(peerId))
        if (away.length === 0) return undefined
        if (!wait || !away.some(isAnnouncing))
          return {
            count: away.length,
            names: away.slice(0, MAX_AWAY_NAMES).map(({ name }) => name),
          }
        await clock.sleep(AGAIN_MS, signal)
      }
    },
    close: () => {
      for (const off of offs) off()
    },
  }
}
