/**
 * libp2p's registrar as gossipsub sees it: only members exist. gossipsub by itself talks to every
 * peer that speaks its protocol, strangers included, and would hand them the fleet's facts. A
 * stream of a peer whose greeting is still under way waits for it; a stranger's is reset.
 */
import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Clock } from '../../shared/clock.ts'
import { nodeError } from '../ground/errors.ts'
import type { Membership } from './membership.ts'

/**
 * A greeting is one round trip and a signature check; a stream that comes first waits at most so
 * long.
 */
const GREETING_MS = 10_000

type Seen = { readonly peer: PeerId; readonly connection: Connection }

export function memberRegistrar(
  deps: { clock: Clock; membership: Membership },
  registrar: Registrar,
): Registrar {
  const { membership } = deps
  const admitted = async (peer: string): Promise<boolean> => {
    if (membership.member(peer) !== undefined) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const off = membership.onChange((who, standing) => {
      if (who === peer && standing === 'member') resolve(true)
    })
    const cancel = deps.clock.after(GREETING_MS, () => resolve(false))
    try {
      return await promise
    } finally {
      off()
      cancel()
    }
  }
  const guard = (handler: StreamHandler): StreamHandler => {
    return async (stream: Stream, connection: Connection) => {
      if (await admitted(connection.remotePeer.toString())) return handler(stream, connection)
      stream.abort(nodeError('node.not-connected', { peer: connection.remotePeer.toString() }))
    }
  }
  /**
   * Tells the topology of a peer once it is both known to speak the protocol and a member, and
   * takes it away when either ends.
   */
  const filter = (topology: Topology): Topology => {
    const seen = new Map<string, Seen>()
    const joined = new Set<string>()
    const join = ({ peer, connection }: Seen): void => {
      if (joined.has(peer.toString()) || connection.status !== 'open') return
      joined.add(peer.toString())
      void topology.onConnect?.(peer, connection)
    }
    const leave = (peer: PeerId): void => {
      if (joined.delete(peer.toString())) void topology.onDisconnect?.(peer)
    }
    membership.onChange((who, standing) => {
      const known = seen.get(who)
      if (known === undefined) return
      if (standing === 'member') join(known)
      else leave(known.peer)
    })
    return {
      ...topology,
      onConnect: (peer, connection) => {
        seen.set(peer.toString(), { peer, connection })
        if (membership.member(peer.toString()) !== undefined) join({ peer, connection })
      },
      onDisconnect: (peer) => {
        seen.delete(peer.toString())
        leave(peer)
      },
    }
  }
  return {
    handle: (protocol, handler, handlerOptions) =>
      registrar.handle(protocol, guard(handler), handlerOptions),
    unhandle: (protocol, abort) => registrar.unhandle(protocol, abort),
    register: (protocol, topology, abort) => registrar.register(protocol, filter(topology), abort),
    unregister: (id) => registrar.unregister(id),
    getProtocols: () => registrar.getProtocols(),
    getHandler: (protocol) => registrar.getHandler(protocol),
    getTopologies: (protocol) => registrar.getTopologies(protocol),
    use: (protocol, middleware) => registrar.use(protocol, middleware),
    unuse: (protocol) => registrar.unuse(protocol),
    getMiddleware: (protocol) => registrar.getMiddleware(protocol),
  }
}
