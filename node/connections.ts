/** The connected peers of a node, and streams to them. */
import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Member } from '../protocols/rpc/peer.ts'
import type { Duplex } from '../protocols/wire/duplex.ts'
import { defined } from '../shared/defined.ts'
import { nodeError } from './ground/errors.ts'
import { openFailure } from './libp2p/failures.ts'
import { streamDuplex } from './libp2p/stream-duplex.ts'
import type { Membership } from './membership/membership.ts'
import type { Network } from './network.ts'

/** A connected peer. Its fields are read from the connection at each access. */
export interface Peer {
  readonly id: string
  readonly address: string
  readonly member: Member | undefined
  readonly capability: number
  close(): Promise<void>
}

export interface Connections {
  /** Returns the open connections to the peer. */
  of(id: string): readonly Connection[]
  peer(id: string): Peer | undefined
  ids(): readonly string[]
  /** @throws node.closed, node.not-connected, protocol.unsupported, protocol.busy */
  openStream(id: string, protocolId: string, signal?: AbortSignal): Promise<Duplex>
}

/** @param closing - aborts when the node closes */
export function createConnections(
  deps: { network: Network; membership: Membership },
  closing: AbortSignal,
): Connections {
  const { network, membership } = deps
  const of = (id: string): Connection[] => openConnections(network, id)
  const peer = (id: string): Peer | undefined => {
    const connection = of(id)[0]
    if (connection === undefined) return undefined
    return {
      id,
      address: connection.remoteAddr.toString(),
      get member() {
        return membership.member(id)
      },
      get capability() {
        return membership.capability(id)
      },
      close: () => network.hangUp(peerIdFromString(id)),
    }
  }
  return {
    of,
    peer,
    ids: () => network.getPeers().map(String),
    openStream: async (id, protocolId, signal) => {
      if (closing.aborted) throw nodeError('node.closed')
      const connection = of(id)[0]
      if (connection === undefined) throw nodeError('node.not-connected', { peer: id })
      try {
        return streamDuplex(await connection.newStream(protocolId, defined({ signal })))
      } catch (error) {
        throw openFailure(error, { peer: id, protocol: protocolId, signal })
      }
    },
  }
}

export function openConnections(network: Network, peer: string): Connection[] {
  return network
    .getConnections(peerIdFromString(peer))
    .filter((connection) => connection.status === 'open')
}
