/**
 * libp2p's registrar as gossipsub sees it: it shows only members. gossipsub talks to every peer
 * that speaks its protocol, and would send the fleet's facts to strangers. A stream waits while the
 * peer's greeting is under way. A stranger's stream is reset.
 */
import type { Connection, PeerId, StreamHandler, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Clock } from '../../shared/clock.ts'
import { nodeError } from '../ground/errors.ts'
import type { Membership } from './membership.ts'

/** A greeting is one round trip and a signature check. An early stream waits at most this long. */
const GREETING_MS = 10_000

interface RegistrarDeps {
  readonly clock: Clock
  readonly membership: Membership
}

export function memberRegistrar(deps: RegistrarDeps, registrar: Registrar): Registrar {
  return {
    handle: (protocol, handler, options) =>
      registrar.handle(protocol, membersOnly(deps, handler), options),
    unhandle: (protocol, abort) => registrar.unhandle(protocol, abort),
    register: (protocol, topology, abort) =>
      registrar.register(protocol, memberTopology(deps.membership, topology), abort),
    unregister: (id) => registrar.unregister(id),
    getProtocols: () => registrar.getProtocols(),
    getHandler: (protocol) => registrar.getHandler(protocol),
    getTopologies: (protocol) => registrar.getTopologies(protocol),
    use: (protocol, middleware) => registrar.use(protocol, middleware),
    unuse: (protocol) => registrar.unuse(protocol),
    getMiddleware: (protocol) => registrar.getMiddleware(protocol),
  }
}

function membersOnly(deps: RegistrarDeps, handler: StreamHandler): StreamHandler {
  return async (stream, connection) => {
    const peer = connection.remotePeer.toString()
    if (await becomesMember(deps, peer)) return handler(stream, connection)
    stream.abort(nodeError('node.not-connected', { peer }))
  }
}

/** Waits for the peer's greeting. */
async function becomesMember({ clock, membership }: RegistrarDeps, peer: string): Promise<boolean> {
  if (membership.member(peer) !== undefined) return true
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const off = membership.onChange((changed, standing) => {
    if (changed === peer && standing === 'member') resolve(true)
  })
  const cancel = clock.after(GREETING_MS, () => resolve(false))
  try {
    return await promise
  } finally {
    off()
    cancel()
  }
}

interface Speaker {
  readonly peer: PeerId
  readonly connection: Connection
}

/** Connects a peer once it speaks the protocol and is a member. Disconnects it when either ends. */
function memberTopology(membership: Membership, topology: Topology): Topology {
  const speakers = new Map<string, Speaker>()
  const joined = new Set<string>()
  const join = ({ peer, connection }: Speaker): void => {
    if (joined.has(peer.toString()) || connection.status !== 'open') return
    joined.add(peer.toString())
    void topology.onConnect?.(peer, connection)
  }
  const leave = (peer: PeerId): void => {
    if (joined.delete(peer.toString())) void topology.onDisconnect?.(peer)
  }
  membership.onChange((changed, standing) => {
    const speaker = speakers.get(changed)
    if (speaker === undefined) return
    if (standing === 'member') join(speaker)
    else leave(speaker.peer)
  })
  return {
    ...topology,
    onConnect: (peer, connection) => {
      speakers.set(peer.toString(), { peer, connection })
      if (membership.member(peer.toString()) !== undefined) join({ peer, connection })
    },
    onDisconnect: (peer) => {
      speakers.delete(peer.toString())
      leave(peer)
    },
  }
}
