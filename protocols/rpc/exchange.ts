/**
 * One request on its way through a handler: authorise, parse, authorise the targets, run, encode.
 * The order is the point: nothing of a body is looked at before the policy has said yes.
 */
import { MusterError } from '../../shared/errors.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import {
  type AnyMethod,
  type CallContext,
  type MethodLimits,
  type Protocol,
  limitsOf,
} from './define-protocol.ts'
import type { Ask, Caller, DuplexPeer, Target } from './peer.ts'
import type { Quota } from './quota.ts'
import type { ServeDeps } from './serve.ts'
import type { Upload } from './upload.ts'
import { decodeCbor, encodeCbor } from '../wire/cbor.ts'
import type { Channel } from '../wire/channel.ts'
import { wireError } from '../wire/errors.ts'

/** How long a handler may go on after its signal aborted, to leave its things in order. */
const HANDLER_GRACE_MS = 5_000

/** What all requests of a served protocol share. */
export interface Side {
  readonly protocol: Protocol
  readonly handlers: Readonly<Record<string, Handler>>
  readonly deps: ServeDeps
  readonly quota: Quota
}

export type Handler =
  | ((request: unknown, context: CallContext<unknown>) => Promise<unknown>)
  | {
      targets(request: unknown): Promise<readonly Target[]>
      run(request: unknown, context: CallContext<unknown>): Promise<unknown>
    }

/** What belongs to one request. */
export interface Exchange {
  readonly channel: Channel
  readonly peer: DuplexPeer
  readonly upload: Upload
  readonly call: AbortController
  /** False once the answer is on its way: what a handler sends after that is refused. */
  open: boolean
  /**
   * True when the duplex can't be gone on with: a handler did not leave in time, or the caller did
   * not wait for its answer.
   */
  abandoned: boolean
}

/**
 * The encoded response. Rejects with what the caller is told, or with any error at all if a handler
 * fails.
 */
export async function respond(
  side: Side,
  exchange: Exchange,
  split: { method: string; body: Uint8Array },
): Promise<Uint8Array> {
  const { protocol } = side
  const name = split.method
  const method = Object.hasOwn(protocol.methods, name)
    ? (protocol.methods[name] as AnyMethod)
    : undefined
  if (method === undefined)
    throw wireError('protocol.unsupported', { what: `${protocol.id} ${name}` })
  if (method.upload === true) exchange.upload.expect()
  const limits = limitsOf(protocol, method)
  if (split.body.length > limits.maxRequestBytes) {
    throw wireError('protocol.too-large', {
      what: `request ${name}`,
      bytes: split.body.length,
      limit: limits.maxRequestBytes,
    })
  }
  if (!side.quota.take(exchange.peer.peerId ?? exchange.peer.transport))
    throw wireError('protocol.busy', { what: `${protocol.name} ${name}` })
  const handler = side.handlers[name] as Handler
  const { request, caller } = await admit(side, exchange, {
    name,
    method,
    handler,
    body: split.body,
  })
  const context = callContext(exchange, { name, method, limits, caller })
  const cancelTimer = callTimer(side, exchange, name, limits)
  watch(exchange, name, method.upload === true)
  try {
    const run =
      typeof handler === 'function' ? handler(request, context) : handler.run(request, context)
    const response = encodeCbor(method.response.parse(await settled(side.deps, run, exchange)))
    if (response.length <= limits.maxResponseBytes) return response
    throw new RangeError(
      `the response of ${name} has ${response.length} bytes, more than its ${limits.maxResponseBytes}`,
    )
  } finally {
    cancelTimer()
  }
}

async function admit(
  side: Side,
  exchange: Exchange,
  call: { name: string; method: AnyMethod; handler: Handler; body: Uint8Array },
): Promise<{ request: unknown; caller: Caller }> {
  const { policy } = side.deps
  const ask: Ask = { protocol: side.protocol.id, method: call.name, targets: undefined }
  const caller = await policy.allow(call.method.capability, exchange.peer, ask)
  const parsed = call.method.request.safeParse(decodeCbor(call.body, `request ${call.name}`))
  if (!parsed.success) {
    throw wireError(
      'protocol.malformed',
      { what: `request ${call.name}`, reason: issuesOf(parsed.error) },
      { cause: parsed.error },
    )
  }
  if (typeof call.handler === 'function') return { request: parsed.data, caller }
  const targets = await call.handler.targets(parsed.data)
  return {
    request: parsed.data,
    caller: await policy.allow(call.method.capability, exchange.peer, { ...ask, targets }),
  }
}

function callContext(
  exchange: Exchange,
  call: { name: string; method: AnyMethod; limits: MethodLimits; caller: Caller },
): CallContext<unknown> {
  return {
    caller: call.caller,
    peer: exchange.peer,
    signal: exchange.call.signal,
    upload: exchange.upload.bytes,
    progress: async (report) => {
      if (!exchange.open || call.method.progress === undefined) throw closed(call.name)
      const bytes = encodeCbor(call.method.progress.parse(report))
      if (bytes.length > call.limits.maxProgressBytes) {
        throw new RangeError(
          `a progress report of ${call.name} has ${bytes.length} bytes, more than its ${call.limits.maxProgressBytes}`,
        )
      }
      await exchange.channel.send('progress', bytes)
    },
    send: async (bytes) => {
      if (!exchange.open || call.method.download !== true) throw closed(call.name)
      await exchange.channel.sendData(bytes)
    },
  }
}

function callTimer(side: Side, exchange: Exchange, what: string, limits: MethodLimits): () => void {
  const ms = limits.callMs
  if (ms === Number.POSITIVE_INFINITY) return () => undefined
  return side.deps.clock.after(ms, () =>
    exchange.call.abort(wireError('protocol.timeout', { what, ms })),
  )
}

/**
 * A caller that has gone ends its side of the duplex, on a unix socket in the same way as a
 * half-close: so an end while a request is answered means that nobody waits, and the handler is
 * told. After an upload this is watched from the upload's end on. A caller that sends more before
 * its answer is cut off: behind what it sent its end could not be seen, and what it follows would
 * be followed for good.
 */
function watch(exchange: Exchange, method: string, uploads: boolean): void {
  const look = (): void => {
    exchange.channel.peek().then(
      (frame) => {
        if (!exchange.open) return
        exchange.abandoned = frame !== undefined
        const early = (kind: string): MusterError =>
          wireError('protocol.malformed', { what: 'stream', reason: `${kind} before the answer` })
        exchange.call.abort(frame === undefined ? closed(method) : early(frame.kind))
      },
      (error: unknown) => exchange.call.abort(error),
    )
  }
  if (uploads) exchange.upload.onEnd(look)
  else look()
}

/**
 * The handler's result; once the signal aborted, waits a bounded time for the handler to leave,
 * then gives it up.
 */
async function settled<T>(deps: ServeDeps, run: Promise<T>, exchange: Exchange): Promise<T> {
  const { signal } = exchange.call
  const gone = createInterrupt()
  let cancel: (() => void) | undefined
  const onAbort = (): void => {
    cancel = deps.clock.after(HANDLER_GRACE_MS, () => {
      exchange.abandoned = true
      deps.log.error({ graceMs: HANDLER_GRACE_MS }, 'a handler ignores its signal')
      gone.end(signal.reason)
    })
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await gone.wait(run)
  } finally {
    signal.removeEventListener('abort', onAbort)
    cancel?.()
  }
}

function closed(what: string): MusterError {
  return wireError('protocol.closed', { what })
}

/** The key paths that are wrong, without the values: those are the caller's own. */
function issuesOf(error: {
  issues: readonly { path: readonly PropertyKey[]; code?: string }[]
}): string {
  const named = error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.map(String).join('.') || 'body'} (${issue.code ?? 'invalid'})`)
  return `wrong at ${named.join(', ')}`
}
