/**
 * `/tls/1.0.0` of libp2p with the TLS of Node.js directly on the TCP socket. Handshake,
 * certificates and checks are those of @libp2p/tls, at 1.2 to 1.6 times its speed. Only ed25519
 * keys are accepted.
 */
import { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { TLSSocket, type TLSSocketOptions, connect } from 'node:tls'
import type {
  ConnectionEncrypter,
  PeerId,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { generateCertificate, verifyPeerCertificate } from '@libp2p/tls/utils'
import type { Clock } from '../../shared/clock.ts'
import { nodeError } from '../ground/errors.ts'
import { hostKeyOf } from './tls-certificate.ts'
import { TlsStream } from './tls-stream.ts'

export const TLS_PROTOCOL = '/tls/1.0.0'
/**
 * The lifetime of the ephemeral key, which limits the use of a stolen one. A new certificate costs
 * a few milliseconds.
 */
const CERTIFICATE_MS = 3_600_000
/** Four large frames may wait in the socket, so that disk and network work at the same time. */
const HIGH_WATER_BYTES = 1024 * 1024
/** libp2p's ALPN name for "no muxer yet". libp2p offers it together with the muxers. */
const NO_MUXER = 'libp2p'

interface Components {
  readonly privateKey: PrivateKey
  readonly upgrader: { getStreamMuxers(): Map<string, StreamMuxerFactory> }
}

/** Returns the encrypter. List it first in libp2p's `connectionEncrypters`. */
export function directTls(deps: { clock: Clock }): (components: Components) => DirectTls {
  return (components) => new DirectTls(deps, components)
}

type Transport = Parameters<ConnectionEncrypter['secureInbound']>[0]

class DirectTls implements ConnectionEncrypter {
  readonly protocol = TLS_PROTOCOL
  // libp2p sets the upgrader after it has created its encrypters.
  readonly #components: Components
  readonly #certificate: (signal?: AbortSignal) => Promise<Credentials>

  constructor(deps: { clock: Clock }, components: Components) {
    this.#components = components
    this.#certificate = createCertificateSource(deps, components.privateKey)
  }

  get [Symbol.toStringTag](): string {
    return 'direct-tls'
  }

  secureInbound<C extends Transport>(
    connection: C,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.#secure(connection, true, options)
  }

  secureOutbound<C extends Transport>(
    connection: C,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.#secure(connection, false, options)
  }

  async #secure(
    connection: Transport,
    server: boolean,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    const raw = rawSocket(connection)
    const own = await this.#certificate(options?.signal)
    options?.signal?.throwIfAborted()
    const muxers =
      options?.skipStreamMuxerNegotiation === true
        ? []
        : [...this.#components.upgrader.getStreamMuxers().keys()]
    const choice: MuxerChoice = { muxers, chosen: undefined }
    const settings = { ...SETTINGS, ...own, ALPNProtocols: [...muxers, NO_MUXER] }
    takeOver(raw, readBufferOf(connection))
    const socket = server
      ? new TLSSocket(raw, { ...settings, ...serverSettings(choice) })
      : connect({ socket: raw, ...settings })
    // libp2p resets the sockets of connections that it rejects. That would free the TLS state
    // during OpenSSL's handshake (see `handshake`).
    raw.resetAndDestroy = () => {
      socket.destroy()
      return raw
    }
    const remotePeer = await handshake(socket, server, options)
    const alpn = server ? choice.chosen : socket.alpnProtocol
    const streamMuxer =
      typeof alpn === 'string' && alpn !== NO_MUXER
        ? this.#components.upgrader.getStreamMuxers().get(alpn)
        : undefined
    const secured = { remotePeer, connection: new TlsStream(connection, socket) }
    return streamMuxer === undefined ? secured : { ...secured, streamMuxer }
  }
}

const SETTINGS: TLSSocketOptions & { highWaterMark: number } = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  // Both certificates are self-signed. verifyPeerCertificate checks them by the rules of libp2p.
  rejectUnauthorized: false,
  highWaterMark: HIGH_WATER_BYTES,
}

interface MuxerChoice {
  readonly muxers: readonly string[]
  /** This field is set during the handshake of a server. */
  chosen: string | undefined
}

function serverSettings(choice: MuxerChoice): TLSSocketOptions {
  return {
    isServer: true,
    requestCert: true,
    ALPNCallback: ({ protocols }) => {
      choice.chosen = protocols.find((name) => name === NO_MUXER || choice.muxers.includes(name))
      return choice.chosen
    },
  }
}

type Credentials = Awaited<ReturnType<typeof generateCertificate>>

/**
 * Returns the source of certificates. All handshakes of an hour share one, which the spec allows.
 */
function createCertificateSource(
  deps: { clock: Clock },
  privateKey: PrivateKey,
): (signal?: AbortSignal) => Promise<Credentials> {
  let made: { credentials: Promise<Credentials>; at: number } | undefined
  return (signal) => {
    if (made === undefined || deps.clock.monotonic() - made.at > CERTIFICATE_MS) {
      const credentials = generateCertificate(privateKey)
      credentials.catch(() => {
        made = undefined
      })
      made = { credentials, at: deps.clock.monotonic() }
    }
    signal?.throwIfAborted()
    return made.credentials
  }
}

/** Returns the TCP socket of a connection of @libp2p/tcp, which is a node's only transport. */
function rawSocket(connection: object): Socket {
  if ('socket' in connection && connection.socket instanceof Socket) return connection.socket
  throw nodeError('node.handshake', { reason: 'the transport is not a TCP socket of @libp2p/tcp' })
}

/** The bytes that @libp2p/tcp has read and no reader has taken. They are not in its interface. */
interface ReadBuffer {
  readonly byteLength: number
  subarray(): Uint8Array
  consume(bytes: number): void
}

function readBufferOf(connection: object): ReadBuffer {
  return (connection as { readonly readBuffer: ReadBuffer }).readBuffer
}

/** Stops the connection from reading the socket, and returns its unused bytes to the socket. */
function takeOver(raw: Socket, readBuffer: ReadBuffer): void {
  raw.pause()
  raw.removeAllListeners('data')
  raw.setNoDelay(true)
  if (readBuffer.byteLength === 0) return
  const early = Uint8Array.from(readBuffer.subarray())
  readBuffer.consume(readBuffer.byteLength)
  raw.unshift(early)
}

/** Waits for the handshake, then checks the peer's identity. Destroys the socket on any failure. */
async function handshake(
  socket: TLSSocket,
  server: boolean,
  options?: SecureConnectionOptions,
): Promise<PeerId> {
  const signal = options?.signal
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void =>
    reject(nodeError('node.handshake', { reason: 'it took too long' }, { cause: signal?.reason }))
  const onError = (cause: Error): void =>
    reject(nodeError('node.handshake', { reason: 'TLS failed' }, { cause }))
  const onClose = (): void =>
    reject(nodeError('node.handshake', { reason: 'the peer closed the connection' }))
  signal?.addEventListener('abort', onAbort, { once: true })
  socket.once(server ? 'secure' : 'secureConnect', resolve)
  socket.on('error', onError)
  socket.once('close', onClose)
  try {
    if (signal?.aborted === true) onAbort()
    await promise
    // The event is emitted inside of OpenSSL's handshake. Promises also continue inside of it. If
    // the connection is closed there, Node.js 24 crashes, because OpenSSL still uses its memory.
    await setImmediate()
    const { raw } = socket.getPeerCertificate()
    if (raw === undefined)
      throw nodeError('node.handshake', { reason: 'the peer sent no certificate' })
    hostKeyOf(raw)
    return await verifyPeerCertificate(raw, options?.remotePeer)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // The error listener stays. Otherwise an error before the stream listens would end the process.
    socket.off('close', onClose)
  }
}
