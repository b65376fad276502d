/**
 * A member of a fleet on the network. It greets whom it dials, knows of every connection whether a
 * member or a stranger is behind it, and serves the protocols of docs/PROTOCOLS.md. It dials what
 * it is told to and nothing else: no discovery, no relay, no address that a peer advertised.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import type { Clock } from '../shared/clock.ts'
import type { NodeKey } from '../shared/identity/signer.ts'
import type { FleetId } from '../shared/ids.ts'
import type { Logger } from '../shared/logger.ts'
import type { Random } from '../shared/random.ts'
import { openClient } from '../protocols/rpc/call.ts'
import type { Handlers, Protocol } from '../protocols/rpc/define-protocol.ts'
import type { Trouble } from '../protocols/hello/messages.ts'
import { hello } from '../protocols/hello/protocol.ts'
import type { Member, PeerContext } from '../protocols/rpc/peer.ts'
import { type Serve, serveProtocol } from '../protocols/rpc/serve.ts'
import type { Duplex } from '../protocols/wire/duplex.ts'
import { wireError } from '../protocols/wire/errors.ts'
import { parseAddress, sameHost, toMultiaddr } from './libp2p/address.ts'
import { countBuffersWithHeap } from './libp2p/gc-settings.ts'
import { nodeError } from './ground/errors.ts'
import { dialFailure, listenFailure, openFailure } from './libp2p/failures.ts'
import { type Gater, createGater } from './libp2p/gater.ts'
import { type Gossip, createGossip } from './gossip.ts'
import * as bounds from './libp2p/limits.ts'
import { type Credentials, type Membership, createMembership } from './membership/membership.ts'
import { type Network, createNetwork } from './network.ts'
import { createNodePolicy } from './membership/policy.ts'
import { streamDuplex } from './libp2p/stream-duplex.ts'
import { watchStrangers } from './libp2p/strangers.ts'

export interface NodeOptions {
  readonly key: NodeKey
  /**
   * Multiaddrs to listen on, such as `/ip4/0.0.0.0/tcp/7400`; empty for nodes that only dial. Port
   * 0 takes a free one.
   */
  readonly listen: readonly string[]
  readonly fleet: FleetId
  readonly credentials: Credentials
  /** The program's version, told to peers. */
  readonly version: string
  /** What is wrong with this machine, for greetings; `reintroduce` after it changed. */
  readonly trouble?: () => Trouble | undefined
  /**
   * Called before the node listens: register protocols and gossip handlers here, so that no early
   * peer finds them missing.
   */
  readonly setup?: (node: MusterNode) => void | Promise<void>
  /** Default {@link bounds.MAX_CONNECTIONS}; a coordinator gives four times its fleet. */
  readonly maxConnections?: number
  /** Default {@link bounds.MAX_STRANGERS}. */
  readonly maxStrangers?: number
  /**
   * Default {@link bounds.INBOUND_PER_SECOND}, per remote address; a coordinator of a fleet behind
   * one address gives more.
   */
  readonly inboundPerSecond?: number
  /**
   * Peers that get a place though they have not greeted yet, such as the registry's approved agents
   * after a restart.
   */
  readonly expected?: (peer: string) => boolean
  /** Default {@link bounds.STRANGER_IDLE_MS}. */
  readonly strangerIdleMs?: number
}

/** A connected peer; its fields are read from the connection at the moment they are asked for. */
export interface Peer {
  readonly id: string
  readonly address: string
  readonly member: Member | undefined
  readonly capability: number
  close(): Promise<void>
}

export type NodeEvent = 'connect' | 'disconnect' | 'member' | 'stranger'

export interface MusterNode {
  readonly peerId: string
  /** Where the node listens, with its peer id at the end. */
  addresses(): string[]
  /**
   * Connects to `…/p2p/PEER`, greets, and gives the peer, be it a member or a stranger. An existing
   * connection is used again. Throws node.address, node.unreachable, node.wrong-peer,
   * node.key-type, protocol.unsupported (no node of ours), or the signal's reason.
   */
  dial(address: string, signal?: AbortSignal): Promise<Peer>
  peer(id: string): Peer | undefined
  peers(): Peer[]
  /** Serves a protocol to every peer; the policy inside `serve` decides who may what. */
  handle(protocol: Protocol, serve: Serve): Promise<void>
  /** The protocols that are served. */
  served(): Protocol[]
  /**
   * Opens a stream to a connected peer. Throws node.not-connected, protocol.unsupported,
   * protocol.busy.
   */
  open(peer: string, protocolId: string, signal?: AbortSignal): Promise<Duplex>
  /**
   * `connect`: a peer has greeted or was greeted. `disconnect`: its last connection ended.
   * `member`, `stranger`: its standing changed.
   */
  on(event: NodeEvent, listener: (peer: string) => void): () => void
  /** Greets every connected peer again: after this node's certificate or its trouble changed. */
  reintroduce(): Promise<void>
  /**
   * Checks all memberships again and disconnects whoever lost theirs: after a revocation or a new
   * root.
   */
  recheck(): void
  readonly gossip: Gossip
  readonly membership: Membership
  /** Ends every stream and connection. Idempotent. */
  close(): Promise<void>
}

export interface NodeDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** A node that doesn't listen yet. */
export interface BuiltNode extends MusterNode {
  /**
   * Listens, and takes part in gossip. Called once. Throws node.listen, and closes the node then.
   */
  listen(): Promise<void>
}

/** Builds and starts a node. Throws node.listen, node.address. */
export async function createNode(deps: NodeDeps, options: NodeOptions): Promise<MusterNode> {
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

/**
 * Builds a node. What its owner registers before `listen` is there for the first peer.
 * Throws node.address.
 */
export async function buildNode(
  deps: NodeDeps,
  options: Omit<NodeOptions, 'setup'>,
): Promise<BuiltNode> {
  for (const address of options.listen) parseAddress(address)
  countBuffersWithHeap()
  const membership = createMembership(deps, options)
  const gater = createGater({
    hasEnough: (peer) => connectionsOf(network, peer).length >= bounds.MAX_PEER_CONNECTIONS,
    isMember: (peer) => membership.member(peer) !== undefined || options.expected?.(peer) === true,
    mayTakeStranger: (from) => {
      const strangers = network
        .getConnections()
        .filter((item) => membership.member(item.remotePeer.toString()) === undefined)
      const isNear = sameHost(from)
      const near = strangers.filter((item) => isNear(item.remoteAddr.toString())).length
      const most = options.maxStrangers ?? bounds.MAX_STRANGERS
      return strangers.length < most && near < bounds.strangersFrom(most)
    },
  })
  const network = await createNetwork({ ...deps, membership, gater }, options)
  const gossip = createGossip(deps, network.services.gossip, options.fleet)
  const node = await assemble(deps, { network, gater, membership, gossip })
  // Owned by listen().
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

interface Parts {
  readonly network: Network
  readonly gater: Gater
  readonly membership: Membership
  readonly gossip: Gossip
}

async function assemble(deps: NodeDeps, parts: Parts): Promise<MusterNode> {
  const { network, membership, gater } = parts
  const closing = new AbortController()
  const served = new Map<string, Protocol>()
  const listeners = new Map<NodeEvent, Set<(peer: string) => void>>()
  const emit = (event: NodeEvent, peer: string): void => {
    for (const listener of listeners.get(event) ?? []) listener(peer)
  }
  membership.onChange((peer, standing) => emit(standing, peer))
  network.addEventListener('peer:disconnect', (event) =>
    emit('disconnect', event.detail.toString()),
  )

  const peer = (id: string): Peer | undefined => {
    const connection = connectionsOf(network, id)[0]
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
  const open = async (id: string, protocolId: string, signal?: AbortSignal): Promise<Duplex> => {
    if (closing.signal.aborted) throw nodeError('node.closed')
    const connection = connectionsOf(network, id)[0]
    if (connection === undefined) throw nodeError('node.not-connected', { peer: id })
    try {
      return streamDuplex(
        await connection.newStream(protocolId, signal === undefined ? {} : { signal }),
      )
    } catch (error) {
      throw openFailure(error, { peer: id, protocol: protocolId, signal })
    }
  }
  const greet = async (id: string, signal?: AbortSignal): Promise<void> => {
    const client = openClient(hello, await open(id, hello.id, signal), deps)
    try {
      const answer = await client.call(
        'greet',
        membership.introduce(),
        signal === undefined ? {} : { signal },
      )
      membership.learn(id, answer)
      if (answer.refused !== undefined)
        deps.log.warn({ peer: id, reason: answer.refused }, 'our certificate was not accepted')
    } finally {
      await client.close().catch(() => undefined)
    }
    emit('connect', id)
  }
  const handle = async (protocol: Protocol, serve: Serve): Promise<void> => {
    const { maxInboundStreams, maxOutboundStreams } = protocol.limits
    served.set(protocol.id, protocol)
    await network.handle(
      protocol.id,
      (stream, connection) => {
        const id = connection.remotePeer.toString()
        const context: PeerContext = {
          transport: 'libp2p',
          peerId: id,
          address: connection.remoteAddr.toString(),
          get member() {
            return membership.member(id)
          },
        }
        void serve(streamDuplex(stream), context, closing.signal)
      },
      { maxInboundStreams, maxOutboundStreams },
    )
  }
  const answerGreeting: Handlers<typeof hello> = {
    greet: async (greeting, context) => {
      const answer = await membership.handlers.greet(greeting, context)
      emit('connect', context.peer.peerId as string)
      return answer
    },
  }
  await handle(hello, serveProtocol(hello, answerGreeting, { ...deps, policy: createNodePolicy() }))
  const greeted = new WeakSet<object>()
  const dial = async (address: string, signal?: AbortSignal): Promise<Peer> => {
    const { peer: id } = parseAddress(address)
    if (id === undefined)
      throw nodeError('node.address', {
        address,
        reason: 'it does not end with the peer id of the node',
      })
    if (closing.signal.aborted) throw nodeError('node.closed')
    const before = new Set<object>(connectionsOf(network, id))
    const connection = await gater
      .whileDialling(id, () =>
        network.dial(toMultiaddr(address), signal === undefined ? {} : { signal }),
      )
      .catch((error: unknown) => {
        throw dialFailure(error, { address, peer: id, signal })
      })
    try {
      // On every new connection, also to a member that is remembered: the other side may have
      // forgotten us.
      if (!greeted.has(connection)) await greet(id, signal)
      greeted.add(connection)
    } catch (error) {
      connection.abort(error as Error)
      // A connection that was there already may just have been closed by the other side: then a new
      // one is what the caller wants.
      if (before.has(connection) && signal?.aborted !== true) return dial(address, signal)
      throw error
    }
    const found = peer(id)
    if (found === undefined) throw nodeError('node.not-connected', { peer: id })
    return found
  }
  let closed: Promise<void> | undefined
  return {
    peerId: network.peerId.toString(),
    addresses: () => network.getMultiaddrs().map((address) => address.toString()),
    dial,
    peer,
    peers: () => network.getPeers().flatMap((id) => peer(id.toString()) ?? []),
    handle,
    served: () => [...served.values()],
    open,
    on: (event, listener) => {
      const set = listeners.get(event) ?? new Set()
      listeners.set(event, set.add(listener))
      return () => set.delete(listener)
    },
    reintroduce: async () => {
      const greetings = await Promise.allSettled(
        network.getPeers().map((id) => greet(id.toString(), deps.clock.timeout(bounds.DIAL_MS))),
      )
      for (const item of greetings)
        if (item.status === 'rejected') deps.log.debug({ error: item.reason }, 'greeting failed')
    },
    recheck: () => {
      for (const id of membership.recheck()) {
        for (const connection of connectionsOf(network, id))
          connection.abort(wireError('protocol.closed', { what: 'the membership' }))
      }
    },
    gossip: parts.gossip,
    membership,
    close: () => {
      closing.abort(nodeError('node.closed'))
      closed ??= Promise.resolve(network.stop())
      return closed
    },
  }
}

function connectionsOf(network: Network, peer: string): ReturnType<Network['getConnections']> {
  return network
    .getConnections(peerIdFromString(peer))
    .filter((connection) => connection.status === 'open')
}
