/**
 * Accepts connections by key and address. Only ed25519 keys are accepted, in both directions.
 * Addresses that peers advertise are ignored. A dial is allowed only while the node's own `dial`
 * runs.
 */
import type { ConnectionGater, PeerId } from '@libp2p/interface'

export interface Gater extends ConnectionGater {
  /** Allows dials to the address's peer while `work` runs. */
  whileDialling<T>(peer: string, work: () => Promise<T>): Promise<T>
}

export interface GaterOptions {
  /** Returns true if the peer has its maximum number of connections. */
  hasEnough(peer: string): boolean
  /** Returns true if one more connection of a stranger from this multiaddr is allowed. */
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
        const left = (dialling.get(peer) ?? 1) - 1
        if (left === 0) dialling.delete(peer)
        else dialling.set(peer, left)
      }
    },
  }
}
