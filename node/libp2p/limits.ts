/** The bounds of a node, each with its reason. Protocols have their own in their folders. */
import { KIB, MIB } from '../../shared/units.ts'

/**
 * Connections of an agent: the coordinators, the providers of a fetch, and room. A coordinator
 * takes four times its fleet.
 */
export const MAX_CONNECTIONS = 64
/**
 * Of them, connections of peers without a certificate; the rest is reserved for members. A
 * coordinator, which candidates and operators call, takes more.
 */
export const MAX_STRANGERS = 8
/**
 * Of them, those of one address: whoever makes keys by the thousand keeps out others behind his own
 * address, and nobody elsewhere. Few places are not divided: a whole fleet behind one address must
 * be able to come in.
 */
export const strangersFrom = (most: number): number => Math.max(MAX_STRANGERS, Math.floor(most / 2))
/**
 * Connections of one peer: one, a second when both sides dial at the same time, and those of a host
 * that came back from a broken line several times before the monitor noticed that the old ones are
 * dead. Streams and requests are bounded for each connection, so this bounds what one key can have
 * of them.
 */
export const MAX_PEER_CONNECTIONS = 8
/**
 * Connections that have not finished their handshake. Beyond this libp2p refuses everybody, so it
 * must be more than one address can fill: a connection that says nothing lasts {@link UPGRADE_MS},
 * and one address opens so many a second. Twice that, and never less than this.
 */
export const MIN_PENDING = 64
export const maxPending = (inboundPerSecond: number): number =>
  Math.max(MIN_PENDING, (2 * inboundPerSecond * UPGRADE_MS) / 1000)
/**
 * New connections per second from one address: js-libp2p's own default. A coordinator of a fleet
 * behind one address needs more.
 */
export const INBOUND_PER_SECOND = 5
/** From the first byte of a connection to its last byte of negotiation: cuts off a slow loris. */
export const UPGRADE_MS = 10_000
export const DIAL_MS = 10_000
/**
 * A socket on which nothing passes for so long is dead; the muxer and the monitor ask every few
 * seconds.
 */
export const SOCKET_IDLE_MS = 120_000
/**
 * How often every connection is asked for a sign of life, and how long the answer may take while
 * the other side hashes a gigabyte.
 */
export const MONITOR_EVERY_MS = 10_000
export const MONITOR_ANSWER_MS = 20_000
/** A stranger without an open stream is closed after this. */
export const STRANGER_IDLE_MS = 30_000
export const STRANGER_SWEEP_MS = 5_000

/**
 * The receive window of a stream in yamux, at first and after it has grown with a quick reader:
 * what a sender may have under way. A fetch uses several streams; two of 2 MiB fill a 1 Gbit/s line
 * of 30 ms. The read buffer must hold a whole window, because a paused stream fills it: libp2p's
 * default of 4 MiB against a window of 16 MiB kills paused streams.
 */
export const STREAM_WINDOW_BYTES = 256 * KIB
export const MAX_STREAM_WINDOW_BYTES = 2 * MIB
export const STREAM_BUFFER_BYTES = MAX_STREAM_WINDOW_BYTES + 256 * KIB
/**
 * Streams of one connection in each direction, all protocols together; each protocol has its own
 * lower bound.
 */
export const MAX_STREAMS = 64

/** Gossip messages carry a fact delta or a hint; what is larger is fetched as a blob. */
export const GOSSIP_MESSAGE_BYTES = 64 * KIB
export const GOSSIP_FRAME_BYTES = 256 * KIB
/** What waits to be sent to a peer that reads slowly, before its gossip stream is dropped. */
export const GOSSIP_OUTBOX_BYTES = 4 * MIB
/** Validation of one message; later than this it is ignored. */
export const GOSSIP_VALIDATION_MS = 5_000
/** Messages under validation at once; what comes on top is ignored and pulled later. */
export const GOSSIP_VALIDATIONS = 64
