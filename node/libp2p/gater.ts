/**
 * Who may connect, before anything is known but the key: ed25519 only, in both directions.
 * Addresses that peers tell of themselves are never kept, so nothing is ever dialled because a peer
 * said so; and a peer is dialled only while `dial` asks for it.
 */
import type { ConnectionGater, PeerId } from '@libp2p/interface'

export interface Gater extends ConnectionGater {
  /** Allows dials to the address's peer while `work` runs. */
  whileDialling<T>(peer: string, work: () => Promise<T>): Promise<T>
}

export interface GaterOptions {
  /** Whether the peer has as many connections here as one may have. */
  hasEnough(peer: string): boolean
  /**
   * Whether one more connection of a peer that is no known member may be taken from this multiaddr.
   */
  mayTakeStranger(from: string): boolean
  isMember(peer: string): boolean
}

export function createGater(options: GaterOptions): Gater {
  const dialling = new Map<string, number>()
  const wrongKey = (peer: PeerId): boolean => peer.type !== 'Ed25519'
  const unwanted = (peer: string, from: string): boolean =>
    options.hasEnough(peer) || (!options.isMember(peer) && !options.mayTakeStranger(from))
  return {
    denyDialPeer: (peer) => wrongKey(peer) || !dialling.has(peer.toString()),
    denyOutboundEncryptedConnection: wrongKey,
    denyInboundEncryptedConnection: (peer, connection) =>
      wrongKey(peer) || unwanted(peer.toString(), connection.remoteAddr.toString()),
    filterMultiaddrForPeer: () => false,
    whileDialling: async (peer, work) => {
      dialling.set(peer, (dialling.get(peer) ?? 0) + 1)
      try {
        return await work()
      } finally {
        const left = (dialling.get(peer) as number) - 1
        if (left === 0) dialling.delete(peer)
        else dialling.set(peer, left)
      }
    },
  }
}
