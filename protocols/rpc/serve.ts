/**
 * Serves every protocol. Requests of a duplex run one after another. Each is authorised before its
 * body is parsed, and checked against its limits. Of a handler's error, only the code and the plain
 * data are sent.
 */
import { asError } from '../../shared/as-error.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type Handlers, type Protocol, limitsOf } from './define-protocol.ts'
import { createService, invoke, methodOf, publicError, type Service } from './invoke.ts'
import type { Logger } from '../../shared/logger.ts'
import type { DuplexPeer, PeerContext, Policy } from './peer.ts'
import { createStreamLine } from './stream-line.ts'
import { createUpload } from './upload.ts'
import { type Channel, createChannel } from '../wire/channel.ts'
import type { Duplex } from '../wire/duplex.ts'
import { wireError } from '../wire/errors.ts'
import { splitRequest } from '../wire/request.ts'
import { encodeError } from '../wire/status.ts'

/** The space for the name of the method before the body. */
const NAME_BYTES = 65

/**
 * Serves one duplex until the peer ends it, breaks the protocol, or `signal` aborts. Never rejects.
 */
export type Serve = (duplex: Duplex, peer: PeerContext, signal: AbortSignal) => Promise<void>

export interface ServeDeps {
  readonly policy: Policy
  readonly clock: Clock
  readonly log: Logger
}

export function serveProtocol<P extends Protocol>(
  protocol: P,
  handlers: Handlers<P>,
  deps: ServeDeps,
): Serve {
  const maxBytes =
    NAME_BYTES +
    Math.max(
      ...Object.values(protocol.methods).map(
        (method) => limitsOf(protocol, method).maxRequestBytes,
      ),
    )
  const service = createService(protocol, handlers, deps)
  return async (duplex, peer, signal) => {
    const channel = createChannel(deps, duplex, { maxBytes, stallMs: protocol.limits.stallMs })
    const onAbort = (): void => duplex.abort(closing(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) return onAbort()
      await converse(service, channel, duplexPeer(peer), signal)
    } catch (error) {
      deps.log.debug(
        { protocol: protocol.id, peer: peer.peerId ?? peer.address, error },
        'stream ended',
      )
      duplex.abort(asError(error))
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/**
 * Returns the peer with a new session. `member` is a getter, so that each request reads the current
 * value.
 */
function duplexPeer(peer: PeerContext): DuplexPeer {
  return {
    transport: peer.transport,
    peerId: peer.peerId,
    address: peer.address,
    get member() {
      return peer.member
    },
    session: undefined,
  }
}

async function converse(
  service: Service,
  channel: Channel,
  peer: DuplexPeer,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      const frame = await channel.takeWithin(service.protocol.limits.idleMs, 'the next request')
      if (frame === undefined) return await channel.close()
      if (frame.kind !== 'request')
        throw wireError('protocol.malformed', {
          what: 'stream',
          reason: `${frame.kind} instead of a request`,
        })
      await answer(service, channel, peer, frame.payload, signal)
    }
  } catch (error) {
    // The next frame can't be found, so the stream ends. A peer that still reads gets the reason
    // first.
    if (error instanceof MusterError)
      await channel.send('error', encodeError(error)).then(channel.close, () => undefined)
    throw error
  }
}

/** Serves one request. Rejects only if the stream must end. */
async function answer(
  service: Service,
  channel: Channel,
  peer: DuplexPeer,
  payload: Uint8Array,
  outer: AbortSignal,
): Promise<void> {
  const call = new AbortController()
  const onOuter = (): void => call.abort(closing(outer))
  outer.addEventListener('abort', onOuter, { once: true })
  const upload = createUpload(channel, service.protocol.limits.stallMs)
  try {
    const request = splitOrError(payload)
    if (request instanceof MusterError) {
      const what = `${service.protocol.name} request`
      await channel.send('error', encodeError(publicError(service, { what, peer }, request)))
    } else {
      if (methodOf(service.protocol, request.method)?.upload === true) upload.expect()
      const line = createStreamLine(channel, upload, call, request.method)
      const ended = await invoke(service, { ...request, peer }, line)
      if (ended === 'stuck' || (ended === 'refused' && line.sentEarly())) throw call.signal.reason
    }
  } finally {
    outer.removeEventListener('abort', onOuter)
  }
  await upload.drain()
}

function splitOrError(payload: Uint8Array): ReturnType<typeof splitRequest> | MusterError {
  try {
    return splitRequest(payload)
  } catch (error) {
    if (error instanceof MusterError) return error
    throw error
  }
}

function closing(signal: AbortSignal): Error {
  return signal.reason instanceof MusterError
    ? signal.reason
    : wireError('protocol.closed', { what: 'the stream' }, { cause: signal.reason })
}
