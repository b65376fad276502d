/** The protocols that a node serves on its network. */
import type { Protocol } from '../protocols/rpc/define-protocol.ts'
import type { PeerContext } from '../protocols/rpc/peer.ts'
import type { Serve } from '../protocols/rpc/serve.ts'
import { streamDuplex } from './libp2p/stream-duplex.ts'
import type { Membership } from './membership/membership.ts'
import type { Network } from './network.ts'

export interface ServedProtocols {
  add(protocol: Protocol, serve: Serve): Promise<void>
  list(): Protocol[]
}

/** @param closing - aborts all streams when the node closes */
export function createServedProtocols(
  deps: { network: Network; membership: Membership },
  closing: AbortSignal,
): ServedProtocols {
  const { network, membership } = deps
  const served = new Map<string, Protocol>()
  const contextOf = (peerId: string, address: string): PeerContext => ({
    transport: 'libp2p',
    peerId,
    address,
    get member() {
      return membership.member(peerId)
    },
  })
  return {
    add: async (protocol, serve) => {
      const { maxInboundStreams, maxOutboundStreams } = protocol.limits
      served.set(protocol.id, protocol)
      await network.handle(
        protocol.id,
        (stream, connection) => {
          const { remotePeer, remoteAddr } = connection
          const context = contextOf(remotePeer.toString(), remoteAddr.toString())
          void serve(streamDuplex(stream), context, closing)
        },
        { maxInboundStreams, maxOutboundStreams },
      )
    },
    list: () => [...served.values()],
  }
}
