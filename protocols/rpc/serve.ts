/**
 * The answering half of every protocol: requests come one after the other on a duplex, and each is
 * authorised anew before its body is parsed, measured against its limits, and answered with a
 * response or with a status of the fixed set. Nothing that a handler throws crosses the wire but an
 * error's code and plain data.
 */
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type Handlers, type Protocol, limitsOf } from './define-protocol.ts'
import { type Exchange, type Side, respond } from './exchange.ts'
import type { Logger } from '../../shared/logger.ts'
import type { DuplexPeer, PeerContext, Policy } from './peer.ts'
import { createQuota } from './quota.ts'
import { createUpload } from './upload.ts'
import { type Channel, createChannel } from '../wire/channel.ts'
import type { Duplex } from '../wire/duplex.ts'
import { wireError } from '../wire/errors.ts'
import { splitRequest } from '../wire/request.ts'
import { encodeError } from '../wire/status.ts'

/** Room for the name of the method in front of the body. */
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
  const side: Side = {
    protocol,
    handlers: handlers as Side['handlers'],
    deps,
    quota: createQuota(deps, protocol.limits.quota),
  }
  return async (duplex, peer, signal) => {
    const channel = createChannel(deps, duplex, { maxBytes, stallMs: protocol.limits.stallMs })
    const onAbort = (): void => duplex.abort(closing(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) return onAbort()
      await converse(side, channel, duplexPeer(peer), signal)
    } catch (error) {
      deps.log.debug(
        { protocol: protocol.id, peer: peer.peerId ?? peer.address, error },
        'stream ended',
      )
      duplex.abort(error as Error)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/**
 * A view, so that `member` is read from the connection at every request, with a session of its own.
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
  side: Side,
  channel: Channel,
  peer: DuplexPeer,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      const frame = await channel.takeWithin(side.protocol.limits.idleMs, 'the next request')
      if (frame === undefined) return await channel.close()
      if (frame.kind !== 'request')
        throw wireError('protocol.malformed', {
          what: 'stream',
          reason: `${frame.kind} instead of a request`,
        })
      await answer(side, channel, peer, frame.payload, signal)
    }
  } catch (error) {
    // The framing is lost, so the stream ends; a peer that still listens gets the reason first.
    if (error instanceof MusterError)
      await channel.send('error', encodeError(error)).then(channel.close, () => undefined)
    throw error
  }
}

/** Answers one request; rejects only when the duplex can't go on. */
async function answer(
  side: Side,
  channel: Channel,
  peer: DuplexPeer,
  payload: Uint8Array,
  outer: AbortSignal,
): Promise<void> {
  const upload = createUpload(channel, side.protocol.limits.stallMs)
  const exchange: Exchange = {
    channel,
    peer,
    upload,
    call: new AbortController(),
    open: true,
    abandoned: false,
  }
  const { call } = exchange
  const onOuter = (): void => call.abort(closing(outer))
  outer.addEventListener('abort', onOuter, { once: true })
  let what = `${side.protocol.name} request`
  try {
    const split = splitRequest(payload)
    what = `${side.protocol.name} ${split.method}`
    const response = await respond(side, exchange, split)
    exchange.open = false
    await channel.send('response', response)
  } catch (error) {
    exchange.open = false
    const reason: unknown = call.signal.aborted ? call.signal.reason : error
    await channel.send('error', encodeError(publicError(side, what, peer, reason)))
    if (exchange.abandoned) throw reason
  } finally {
    outer.removeEventListener('abort', onOuter)
  }
  await upload.drain()
}

/**
 * What the peer may learn of an error: Muster's own by code and data, of anything else only that
 * there is a fault.
 */
function publicError(side: Side, method: string, peer: DuplexPeer, error: unknown): MusterError {
  const from = peer.peerId ?? peer.address
  if (error instanceof MusterError) {
    side.deps.log.debug({ method, peer: from, code: error.code }, 'request refused')
    return error
  }
  side.deps.log.error({ method, peer: from, error }, 'handler failed')
  return wireError('protocol.internal', { method }, { cause: error })
}

function closing(signal: AbortSignal): Error {
  return signal.reason instanceof MusterError
    ? signal.reason
    : wireError('protocol.closed', { what: 'the stream' }, { cause: signal.reason })
}
