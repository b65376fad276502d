/**
 * `/tls/1.0.0` of libp2p with node's TLS directly on the TCP socket, instead of on a JavaScript
 * stream around it: the same handshake, certificates and checks as @libp2p/tls at 1.2 to 1.6 times
 * its speed. Only ed25519 identities pass, and they are recognised before any other key is parsed.
 */
import { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { TLSSocket, type TLSSocketOptions, connect } from 'node:tls'
import type {
  ConnectionEncrypter,
  MultiaddrConnection,
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
 * A certificate is made anew after this, so that a stolen ephemeral key is of little use; making
 * one costs a few milliseconds.
 */
const CERTIFICATE_MS = 3_600_000
/**
 * Plain bytes that may wait in the socket: four bulk frames, so that the disk is read while the
 * network is busy.
 */
const HIGH_WATER_BYTES = 1024 * 1024
/** "No muxer yet": what libp2p offers beside the muxers in ALPN. */
const NO_MUXER = 'libp2p'

interface Components {
  readonly privateKey: PrivateKey
  readonly upgrader: { getStreamMuxers(): Map<string, StreamMuxerFactory> }
}

/** The encrypter to list first in libp2p's `connectionEncrypters`. */
export function directTls(deps: { clock: Clock }): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const certificate = createCertificateSource(deps, components.privateKey)
    const secure = async (
      connection: Parameters<ConnectionEncrypter['secureInbound']>[0],
      server: boolean,
      options?: SecureConnectionOptions,
    ) => {
      const raw = rawSocket(connection)
      const own = await certificate(options?.signal)
      options?.signal?.throwIfAborted()
      const muxers =
        options?.skipStreamMuxerNegotiation === true
          ? []
          : [...components.upgrader.getStreamMuxers().keys()]
      let chosen: string | undefined
      const settings: TLSSocketOptions & { highWaterMark: number } = {
        ...own,
        isServer: server,
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
        // Both certificates are self-signed; verifyPeerCertificate checks what libp2p asks for.
        rejectUnauthorized: false,
        ALPNProtocols: [...muxers, NO_MUXER],
        highWaterMark: HIGH_WATER_BYTES,
        ...(server
          ? {
              requestCert: true,
              ALPNCallback: ({ protocols }: { protocols: string[] }) =>
                (chosen = choose(protocols, muxers)),
            }
          : {}),
      }
      takeOver(raw, connection as unknown as Buffered)
      const socket = server ? new TLSSocket(raw, settings) : connect({ socket: raw, ...settings })
      // libp2p resets the sockets of connections that it refuses. Below TLS that frees the TLS
      // state at once, which see `handshake`.
      raw.resetAndDestroy = () => {
        socket.destroy()
        return raw
      }
      const remotePeer = await handshake(socket, server, options)
      const alpn = server ? chosen : socket.alpnProtocol
      const streamMuxer =
        typeof alpn === 'string' && alpn !== NO_MUXER
          ? components.upgrader.getStreamMuxers().get(alpn)
          : undefined
      const result = {
        remotePeer,
        connection: new TlsStream(connection as MultiaddrConnection, socket),
      }
      return (
        streamMuxer === undefined ? result : { ...result, streamMuxer }
      ) as SecuredConnection & { connection: TlsStream }
    }
    return {
      protocol: TLS_PROTOCOL,
      secureInbound: (connection, options) => secure(connection, true, options),
      secureOutbound: (connection, options) => secure(connection, false, options),
      [Symbol.toStringTag]: 'direct-tls',
    } as ConnectionEncrypter
  }
}

function choose(offered: readonly string[], muxers: readonly string[]): string | undefined {
  return offered.find((name) => name === NO_MUXER || muxers.includes(name))
}

type Credentials = Awaited<ReturnType<typeof generateCertificate>>

/**
 * One certificate for all handshakes of an hour: the host key signs it once, and the spec allows
 * its use.
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

/** The TCP socket below a connection of @libp2p/tcp, which is the only transport a node has. */
function rawSocket(connection: object): Socket {
  const { socket } = connection as { socket?: unknown }
  if (socket instanceof Socket) return socket
  throw nodeError('node.handshake', { reason: 'the transport is not a TCP socket of @libp2p/tcp' })
}

interface Buffered {
  readonly readBuffer: {
    readonly byteLength: number
    subarray(): Uint8Array
    consume(bytes: number): void
  }
}

/**
 * Stops the connection from reading the socket, and gives back what it had read beyond the
 * negotiation.
 */
function takeOver(raw: Socket, connection: Buffered): void {
  raw.pause()
  raw.removeAllListeners('data')
  raw.setNoDelay(true)
  const { readBuffer } = connection
  if (readBuffer.byteLength === 0) return
  const early = Uint8Array.from(readBuffer.subarray())
  readBuffer.consume(readBuffer.byteLength)
  raw.unshift(early)
}

/**
 * Waits for the handshake, then checks who the other side is. Destroys the socket on any failure.
 */
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
    reject(nodeError('node.handshake', { reason: 'the other side closed the connection' }))
  signal?.addEventListener('abort', onAbort, { once: true })
  socket.once(server ? 'secure' : 'secureConnect', resolve)
  socket.on('error', onError)
  socket.once('close', onClose)
  try {
    if (signal?.aborted === true) onAbort()
    await promise
    // The event comes from inside of OpenSSL's handshake, and so would everything that only
    // promises separate from it. To close the connection in there, for a wrong key for example,
    // frees memory that OpenSSL goes on to use: node 24 dies of that with a segmentation fault. So
    // leave it first.
    await setImmediate()
    const { raw } = socket.getPeerCertificate()
    if (raw === undefined)
      throw nodeError('node.handshake', { reason: 'the other side showed no certificate' })
    hostKeyOf(raw)
    return await verifyPeerCertificate(raw, options?.remotePeer)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // The listener for errors stays: one that comes before the stream listens must not end the
    // process.
    socket.off('close', onClose)
  }
}
