/**
 * Builds libp2p: TCP, TLS 1.3 or noise, yamux, identify, ping and gossipsub, with every limit set.
 * It has no discovery, relay or routing.
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Libp2pOptions, createLibp2p } from 'libp2p'
import type { Clock } from '../shared/clock.ts'
import type { Gater } from './libp2p/gater.ts'
import { gossipService } from './gossip.ts'
import * as bounds from './libp2p/limits.ts'
import type { Membership } from './membership/membership.ts'
import type { NodeOptions } from './options.ts'
import { directTls } from './libp2p/tls.ts'

interface Services extends Record<string, unknown> {
  readonly identify: Identify
  readonly ping: Ping
  readonly gossip: GossipSub
}
export type Network = Libp2p<Services>

/** Creates a libp2p node, which listens after its `start()` is called. */
export function createNetwork(
  deps: { clock: Clock; membership: Membership; gater: Gater },
  options: NodeOptions,
): Promise<Network> {
  return createLibp2p(networkOptions(deps, options))
}

function networkOptions(
  deps: { clock: Clock; membership: Membership; gater: Gater },
  options: NodeOptions,
): Libp2pOptions<Services> {
  const { maxConnections = bounds.MAX_CONNECTIONS, inboundPerSecond = bounds.INBOUND_PER_SECOND } =
    options
  const maxPending = bounds.maxPending(inboundPerSecond)
  return {
    start: false,
    privateKey: privateKeyFromRaw(Buffer.concat([options.key.seed, options.key.publicKey])),
    addresses: { listen: [...options.listen] },
    nodeInfo: { name: 'muster', version: options.version, userAgent: `muster/${options.version}` },
    transports: [
      tcp({
        inboundSocketInactivityTimeout: bounds.SOCKET_IDLE_MS,
        outboundSocketInactivityTimeout: bounds.SOCKET_IDLE_MS,
        // The connection manager rejects connections earlier. Further sockets are closed at once.
        maxConnections: maxConnections + maxPending,
      }),
    ],
    connectionEncrypters: [directTls(deps), noise()],
    streamMuxers: [yamux(YAMUX)],
    connectionGater: deps.gater,
    connectionManager: {
      ...CONNECTION_MANAGER,
      maxConnections,
      maxIncomingPendingConnections: maxPending,
      inboundConnectionThreshold: inboundPerSecond,
    },
    connectionMonitor: {
      pingInterval: bounds.MONITOR_EVERY_MS,
      pingTimeout: { minTimeout: bounds.MONITOR_ANSWER_MS, maxTimeout: bounds.MONITOR_ANSWER_MS },
      abortConnectionOnPingFailure: true,
    },
    services: {
      identify: identify({ maxObservedAddresses: 1, maxMessageSize: 8 * 1024 }),
      ping: ping({ maxInboundStreams: 2, maxOutboundStreams: 2 }),
      gossip: gossipService(deps, options.fleet),
    },
  }
}

const YAMUX: Parameters<typeof yamux>[0] = {
  maxInboundStreams: bounds.MAX_STREAMS,
  maxOutboundStreams: bounds.MAX_STREAMS,
  streamOptions: {
    initialStreamWindowSize: bounds.STREAM_WINDOW_BYTES,
    maxStreamWindowSize: bounds.MAX_STREAM_WINDOW_BYTES,
    maxReadBufferLength: bounds.STREAM_BUFFER_BYTES,
    inactivityTimeout: bounds.SOCKET_IDLE_MS,
  },
}

const CONNECTION_MANAGER: NonNullable<Libp2pOptions['connectionManager']> = {
  inboundUpgradeTimeout: bounds.UPGRADE_MS,
  inboundStreamProtocolNegotiationTimeout: bounds.UPGRADE_MS,
  outboundStreamProtocolNegotiationTimeout: bounds.UPGRADE_MS,
  dialTimeout: bounds.DIAL_MS,
  addressDialTimeout: bounds.DIAL_MS,
  maxParallelDials: 16,
  maxDialQueueLength: 256,
  maxPeerAddrsToDial: 4,
  reconnectRetries: 0,
  resolvers: {},
}
