/** The limits of a node, each with its reason. Each protocol's limits are in its folder. */
import { KIB, MIB } from '../../shared/units.ts'

/**
 * Connections of an agent: the coordinators, the providers of a fetch, and a reserve. A coordinator
 * allows four times its fleet.
 */
export const MAX_CONNECTIONS = 64
/**
 * Connections of peers without a certificate. The rest is reserved for members. A coordinator
 * allows more, because candidates and operators connect to it.
 */
export const MAX_STRANGERS = 8
/**
 * Strangers of one address. An attacker with thousands of keys can block only its own address. A
 * small limit is not divided, because a whole fleet may share one address.
 */
export const strangersFrom = (most: number): number => Math.max(MAX_STRANGERS, Math.floor(most / 2))
/**
 * Connections of one peer: one, a second if both sides dial at once, and dead ones of a host that
 * reconnected before the monitor closed them. Streams and requests are limited for each connection,
 * so this limits the total of one key.
 */
export const MAX_PEER_CONNECTIONS = 8
/**
 * Connections that have not finished their handshake. Above this libp2p rejects every connection,
 * so one address must not be able to fill it: a silent connection lasts {@link UPGRADE_MS}. The
 * limit is twice what one address can open in that time.
 */
export const MIN_PENDING = 64
export const maxPending = (inboundPerSecond: number): number =>
  Math.max(MIN_PENDING, (2 * inboundPerSecond * UPGRADE_MS) / 1000)
/**
 * New connections per second from one address, as in js-libp2p. A coordinator of a fleet behind one
 * address needs more.
 */
export const INBOUND_PER_SECOND = 5
/** From the first byte of a connection to the end of its negotiation. Stops slow attackers. */
export const UPGRADE_MS = 10_000
export const DIAL_MS = 10_000
/** A socket without traffic for this long is dead: muxer and monitor send every few seconds. */
export const SOCKET_IDLE_MS = 120_000
/** The interval of pings, and the time for a reply while the peer hashes a gigabyte. */
export const MONITOR_EVERY_MS = 10_000
export const MONITOR_ANSWER_MS = 20_000
/** A stranger without an open stream is disconnected after this. */
export const STRANGER_IDLE_MS = 30_000
export const STRANGER_SWEEP_MS = 5_000

/**
 * The receive window of a yamux stream, at first and after it grew for a fast reader. Two streams
 * of 2 MiB fill a line of 1 Gbit/s and 30 ms. The read buffer must hold a whole window, because a
 * paused stream fills it: with libp2p's defaults, paused streams fail.
 */
export const STREAM_WINDOW_BYTES = 256 * KIB
export const MAX_STREAM_WINDOW_BYTES = 2 * MIB
export const STREAM_BUFFER_BYTES = MAX_STREAM_WINDOW_BYTES + 256 * KIB
/** Streams of one connection in each direction, all protocols together. */
export const MAX_STREAMS = 64

/** Gossip carries small fact updates and hints. Larger data is pulled from the sender. */
export const GOSSIP_MESSAGE_BYTES = 64 * KIB
export const GOSSIP_FRAME_BYTES = 256 * KIB
/** Bytes that wait for a slow peer before its gossip stream is closed. */
export const GOSSIP_OUTBOX_BYTES = 4 * MIB
/** Time to validate one message. It is ignored after that. */
export const GOSSIP_VALIDATION_MS = 5_000
/** Messages under validation at once. Further ones are ignored, and a pull gets their data. */
export const GOSSIP_VALIDATIONS = 64
