/** The limits of a node and the reasons for them. The limits of each protocol are in its folder. */
import { KIB, MIB } from '../../shared/units.ts'

/**
 * Connections of an agent: to the coordinators, to the providers of a fetch, and a reserve. A
 * coordinator allows four times the number of its hosts.
 */
export const MAX_CONNECTIONS = 64
/**
 * Connections of peers without a certificate. The others are reserved for members. A coordinator
 * allows more, because candidates and operators connect to it.
 */
export const MAX_STRANGERS = 8
/**
 * Connections of strangers from one address. An attacker with thousands of keys can block only its
 * own address. A small limit is not divided, because a whole fleet may share one address.
 */
export const strangersFrom = (most: number): number => Math.max(MAX_STRANGERS, Math.floor(most / 2))
/**
 * Connections of one peer: one, a second if both sides dial at once, and dead ones of a host that
 * reconnected before the monitor closed them. Streams and requests are limited for each connection.
 * This limit therefore also limits the total of one key.
 */
export const MAX_PEER_CONNECTIONS = 8
/**
 * Connections that have not finished their handshake. Above this, libp2p rejects every connection.
 * One address must not be able to reach it with silent connections, which last {@link UPGRADE_MS}.
 * So the limit is twice the number that one address can open in that time.
 */
export const MIN_PENDING = 64
export const maxPending = (inboundPerSecond: number): number =>
  Math.max(MIN_PENDING, (2 * inboundPerSecond * UPGRADE_MS) / 1000)
/**
 * New connections per second from one address, as in js-libp2p. A coordinator of a fleet behind one
 * address needs more.
 */
export const INBOUND_PER_SECOND = 5
/**
 * The time from the first byte of a connection to the end of its negotiation. It limits slow
 * attackers.
 */
export const UPGRADE_MS = 10_000
export const DIAL_MS = 10_000
/**
 * A socket without traffic for this time is dead, because muxer and monitor send every few seconds.
 */
export const SOCKET_IDLE_MS = 120_000
/**
 * The interval of pings. Also the time for a reply, which is late while the peer hashes a gigabyte.
 */
export const MONITOR_EVERY_MS = 10_000
export const MONITOR_ANSWER_MS = 20_000
/** A stranger without an open stream is disconnected after this time. */
export const STRANGER_IDLE_MS = 30_000
export const STRANGER_SWEEP_MS = 5_000

/**
 * The receive window of a yamux stream: at first, and after it grew for a fast reader. Two streams
 * of 2 MiB fill a line of 1 Gbit/s and 30 ms. The read buffer must hold a whole window, because a
 * paused stream fills it. With libp2p's defaults, paused streams fail.
 */
export const STREAM_WINDOW_BYTES = 256 * KIB
export const MAX_STREAM_WINDOW_BYTES = 2 * MIB
export const STREAM_BUFFER_BYTES = MAX_STREAM_WINDOW_BYTES + 256 * KIB
/** Streams of one connection in each direction. All protocols count together. */
export const MAX_STREAMS = 64

/**
 * The size of a gossip message. Gossip transports small fact updates and hints. Larger data is
 * pulled from the sender.
 */
export const GOSSIP_MESSAGE_BYTES = 64 * KIB
export const GOSSIP_FRAME_BYTES = 256 * KIB
/** The bytes that may wait for a slow peer. Above this, its gossip stream is closed. */
export const GOSSIP_OUTBOX_BYTES = 4 * MIB
/** The time to check one message. After it, the message is ignored. */
export const GOSSIP_VALIDATION_MS = 5_000
/**
 * The number of messages that are checked at the same time. Further ones are ignored, and a pull
 * gets their data.
 */
export const GOSSIP_VALIDATIONS = 64
