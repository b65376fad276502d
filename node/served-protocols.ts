/** The protocols that a node serves on its network. */
import { hello } from '../protocols/hello/protocol.ts'
import type { Protocol } from '../protocols/rpc/define-protocol.ts'
import type { PeerContext } from '../protocols/rpc/peer.ts'
import type { Serve } from '../protocols/rpc/serve.ts'
import type { Greeter } from './greeter.ts'
import { streamDuplex } from './libp2p/stream-duplex.ts'
import type { Membership } from './membership/membership.ts'
import type { Network } from './network.ts'

export interface ServedProtocols {
  add(protocol: Protocol, serve: Serve): Promise<void>
  list(): Protocol[]
}

/** @param closing - aborts all streams when the node closes */
export function createServedProtocols(
  deps: { network: Network; membership: Membership; greeter: Greeter },
  closing: AbortSignal,
): ServedProtocols {
  const { network, membership, greeter } = deps
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
          const peerId = remotePeer.toString()
          const duplex = streamDuplex(stream)
          const begin = () => serve(duplex, contextOf(peerId, remoteAddr.toString()), closing)
          // A peer that accepted this node's greeting may call before its response is processed
          // here. Its certificate is in that response. Greetings never wait for each other.
          const greeting = protocol.id === hello.id ? undefined : greeter.underWay(peerId)
          void (greeting === undefined ? begin() : greeting.then(begin))
        },
        { maxInboundStreams, maxOutboundStreams },
      )
    },
    list: () => [...served.values()],
  }
}
