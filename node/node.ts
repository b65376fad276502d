/**
 * A node of a fleet on the network. It greets the nodes that it dials, and serves the protocols of
 * docs/PROTOCOLS.md. It records for each connection whether the peer is a member or a stranger. It
 * dials only the addresses that its caller passes: no discovery, no relay, no advertised address.
 */
import type { Protocol } from '../protocols/rpc/define-protocol.ts'
import { hello } from '../protocols/hello/protocol.ts'
import { type Serve, serveProtocol } from '../protocols/rpc/serve.ts'
import type { Duplex } from '../protocols/wire/duplex.ts'
import { wireError } from '../protocols/wire/errors.ts'
import { type Connections, createConnections, openConnections, type Peer } from './connections.ts'
import { createDialer } from './dialer.ts'
import { createNodeEvents, type NodeEvent } from './events.ts'
import { createGossip, type Gossip } from './gossip.ts'
import { createGreeter } from './greeter.ts'
import { nodeError } from './ground/errors.ts'
import { parseAddress, sameHost } from './libp2p/address.ts'
import { listenFailure } from './libp2p/failures.ts'
import { createGater, type Gater, type GaterOptions } from './libp2p/gater.ts'
import { countBuffersWithHeap } from './libp2p/gc-settings.ts'
import * as bounds from './libp2p/limits.ts'
import { watchStrangers } from './libp2p/strangers.ts'
import { createMembership, type Membership } from './membership/membership.ts'
import { createNodePolicy } from './membership/policy.ts'
import { createNetwork, type Network } from './network.ts'
import type { NodeDeps, NodeOptions } from './options.ts'
import { createServedProtocols } from './served-protocols.ts'

export type { Peer } from './connections.ts'
export type { NodeEvent } from './events.ts'
export type { NodeDeps, NodeOptions } from './options.ts'

export interface MusterNode {
  readonly peerId: string
  /** Returns the addresses on which the node listens. Each ends with its peer id. */
  addresses(): string[]
  /**
   * Connects to `…/p2p/PEER` and greets. Returns the peer, a member or a stranger. If there is a
   * connection, it is used again.
   * @throws node.address, node.unreachable, node.wrong-peer, node.key-type, protocol.unsupported
   * (the peer is not a Muster node), or the signal's reason
   */
  dial(address: string, signal?: AbortSignal): Promise<Peer>
  peer(id: string): Peer | undefined
  peers(): Peer[]
  /** Serves a protocol to every peer. The policy inside `serve` authorises each request. */
  handle(protocol: Protocol, serve: Serve): Promise<void>
  /** Returns the protocols that are served. */
  served(): Protocol[]
  /**
   * Opens a stream to a connected peer.
   * @throws node.not-connected, protocol.unsupported, protocol.busy
   */
  open(peer: string, protocolId: string, signal?: AbortSignal): Promise<Duplex>
  /** @returns the function that removes the listener */
  on(event: NodeEvent, listener: (peer: string) => void): () => void
  /**
   * Greets every connected peer again. Call it after this node's certificate or its trouble
   * changed.
   */
  reintroduce(): Promise<void>
  /**
   * Checks all memberships again. Call it after a revocation or a new root. Disconnects the peers
   * that lost their membership.
   */
  recheck(): void
  readonly gossip: Gossip
  readonly membership: Membership
  /** Ends every stream and connection. It may be called again. */
  close(): Promise<void>
}

/** A node that is built and does not listen yet. */
export interface BuiltNode extends MusterNode {
  /** Listens and joins gossip. Call it once. @throws node.listen, after which the node is closed */
  listen(): Promise<void>
}

export interface StartOptions extends NodeOptions {
  /** Registers protocols and gossip handlers before the first peer can connect. */
  readonly setup?: (node: MusterNode) => void | Promise<void>
}

/** Builds and starts a node. @throws node.listen, node.address */
export async function createNode(deps: NodeDeps, options: StartOptions): Promise<MusterNode> {
  const node = await buildNode(deps, options)
  try {
    await options.setup?.(node)
  } catch (error) {
    await node.close()
    throw listenFailure(error, options.listen)
  }
  await node.listen()
  return node
}

/** Builds a node. Register protocols and gossip handlers before `listen`. @throws node.address */
export async function buildNode(deps: NodeDeps, options: NodeOptions): Promise<BuiltNode> {
  for (const address of options.listen) parseAddress(address)
  countBuffersWithHeap()
  const membership = createMembership(deps, options)
  const gater = createGater(admission(() => network, membership, options))
  const network = await createNetwork({ ...deps, membership, gater }, options)
  const gossip = createGossip(deps, network.services.gossip, options.fleet)
  const node = await assemble(deps, { network, gater, membership, gossip })
  // Only listen() changes this variable.
  let endWatch = (): void => undefined
  return {
    ...node,
    listen: async () => {
      try {
        await network.start()
      } catch (error) {
        await node.close()
        throw listenFailure(error, options.listen)
      }
      gossip.begin()
      const { strangerIdleMs: idleMs = bounds.STRANGER_IDLE_MS } = options
      endWatch = watchStrangers(
        { ...deps, membership },
        { connections: () => network.getConnections(), idleMs },
      )
    },
    close: async () => {
      endWatch()
      await node.close()
    },
  }
}

/** Limits the connections of each peer, and those of strangers in total and by address. */
function admission(
  network: () => Network,
  membership: Membership,
  { expected, maxStrangers = bounds.MAX_STRANGERS }: NodeOptions,
): GaterOptions {
  return {
    hasEnough: (peer) => openConnections(network(), peer).length >= bounds.MAX_PEER_CONNECTIONS,
    isMember: (peer) => membership.member(peer) !== undefined || expected?.(peer) === true,
    mayTakeStranger: (from) => {
      const strangers = network()
        .getConnections()
        .filter((item) => membership.member(item.remotePeer.toString()) === undefined)
      const isNear = sameHost(from)
      const near = strangers.filter((item) => isNear(item.remoteAddr.toString())).length
      return strangers.length < maxStrangers && near < bounds.strangersFrom(maxStrangers)
    },
  }
}

interface Parts {
  readonly network: Network
  readonly gater: Gater
  readonly membership: Membership
  readonly gossip: Gossip
}

async function assemble(deps: NodeDeps, parts: Parts): Promise<MusterNode> {
  const { network, membership, gossip } = parts
  const closing = new AbortController()
  const events = createNodeEvents()
  membership.onChange((peer, standing) => events.emit(standing, peer))
  network.addEventListener('peer:disconnect', ({ detail }) =>
    events.emit('disconnect', detail.toString()),
  )
  const connections = createConnections(parts, closing.signal)
  const greeter = createGreeter({ ...deps, membership, connections, events })
  const protocols = createServedProtocols({ network, membership, greeter }, closing.signal)
  const serving = { ...deps, policy: createNodePolicy() }
  await protocols.add(hello, serveProtocol(hello, greeter.handlers, serving))
  let closed: Promise<void> | undefined
  return {
    peerId: network.peerId.toString(),
    addresses: () => network.getMultiaddrs().map(String),
    dial: createDialer({ ...parts, connections, greeter }, closing.signal),
    peer: connections.peer,
    peers: () => connections.ids().flatMap((id) => connections.peer(id) ?? []),
    handle: protocols.add,
    served: protocols.list,
    open: connections.openStream,
    on: events.on,
    reintroduce: greeter.greetAll,
    recheck: () => disconnectAll(connections, membership.recheck()),
    gossip,
    membership,
    close: () => {
      closing.abort(nodeError('node.closed'))
      closed ??= Promise.resolve(network.stop())
      return closed
    },
  }
}

function disconnectAll(connections: Connections, peers: readonly string[]): void {
  const reason = wireError('protocol.closed', { what: 'the membership' })
  for (const connection of peers.flatMap(connections.of)) connection.abort(reason)
}
