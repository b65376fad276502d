/**
 * The libp2p registrar that gossipsub gets. It reports only members. gossipsub uses every peer that
 * supports its protocol. Without this filter, it would send the fleet's facts to strangers. A
 * stream waits for the peer's greeting. The stream of a stranger is reset.
 */
import type { Connection, PeerId, StreamHandler, Topology } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Clock } from '../../shared/clock.ts'
import { nodeError } from '../ground/errors.ts'
import type { Membership } from './membership.ts'

/**
 * The maximum time that an early stream waits. A greeting is one round trip and a signature check.
 */
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

/** Waits for the peer's greeting. Returns false if the peer does not become a member. */
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

/**
 * Reports a peer to gossipsub when it supports the protocol and is a member. Reports the
 * disconnection when one of these ends.
 */
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
