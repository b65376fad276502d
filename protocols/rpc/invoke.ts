/**
 * Runs one method call without a stream: authorise, parse, authorise the targets, run, encode. The
 * body is decoded only after the policy allowed the call. libp2p and unix sockets use this module
 * through `stream-line.ts`. Another transport implements {@link CallerLine}.
 */
import { MusterError } from '../../shared/errors.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import { wireError } from '../wire/errors.ts'
import {
  type AnyMethod,
  type CallContext,
  type Handlers,
  type MethodLimits,
  type Protocol,
  limitsOf,
} from './define-protocol.ts'
import type { Ask, Caller, DuplexPeer, Target } from './peer.ts'
import { type Quota, createQuota } from './quota.ts'
import type { ServeDeps } from './serve.ts'

/** The time that a handler gets for its cleanup after its signal aborted. */
const HANDLER_GRACE_MS = 5_000

type Handler =
  | ((request: unknown, context: CallContext<unknown>) => Promise<unknown>)
  | {
      targets(request: unknown): Promise<readonly Target[]>
      run(request: unknown, context: CallContext<unknown>): Promise<unknown>
    }

/**
 * A protocol with its handlers. All calls of one peer share the peer's quota, over all transports.
 */
export interface Service {
  readonly protocol: Protocol
  readonly handlers: Readonly<Record<string, Handler>>
  readonly deps: ServeDeps
  readonly quota: Quota
}

export function createService<P extends Protocol>(
  protocol: P,
  handlers: Handlers<P>,
  deps: ServeDeps,
): Service {
  const quota = createQuota(deps, protocol.limits.quota)
  // `Handlers` has the types of each method. A request passes its method's schema before it gets
  // here.
  return { protocol, handlers: handlers as Service['handlers'], deps, quota }
}

/** Returns the method with this name. Undefined if the protocol has none. */
export function methodOf({ methods }: Protocol, name: string): AnyMethod | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined
}

export interface Call {
  readonly method: string
  /** The encoded request. */
  readonly body: Uint8Array
  readonly peer: DuplexPeer
}

/** The encoding of a transport. */
export interface Codec {
  /** @throws protocol.malformed; `what` names the bytes in the error */
  decode(bytes: Uint8Array, what: string): unknown
  encode(value: unknown): Uint8Array
}

/** The functions of a transport for one call. */
export interface CallerLine {
  readonly codec: Codec
  /** The line aborts it when the caller leaves. `invoke` aborts it when the call takes too long. */
  readonly call: AbortController
  /** The bytes of the upload. Empty for methods without one. */
  readonly upload: AsyncIterable<Uint8Array>
  /**
   * Called when the call is allowed and its handler begins. From now on the line detects that the
   * caller leaves.
   */
  began(method: AnyMethod): void
  progress(report: Uint8Array): Promise<void>
  /** The caller of this function must not change the bytes afterwards. */
  data(bytes: Uint8Array): Promise<void>
  respond(response: Uint8Array): Promise<void>
  refuse(error: MusterError): Promise<void>
}

/**
 * How a call ended. `stuck`: the handler ignored its signal and may still use the line, so the line
 * must be closed.
 */
export type Ended = 'answered' | 'refused' | 'stuck'

/** Runs one call and sends its response. Rejects only if the line can't send it. */
export async function invoke(service: Service, call: Call, line: CallerLine): Promise<Ended> {
  const running = { service, call, line, open: true, stuck: false }
  try {
    const response = await responseOf(running)
    running.open = false
    await line.respond(response)
    return 'answered'
  } catch (error) {
    running.open = false
    const { signal } = line.call
    const what = `${service.protocol.name} ${call.method}`
    await line.refuse(
      publicError(service, { what, peer: call.peer }, signal.aborted ? signal.reason : error),
    )
    return running.stuck ? 'stuck' : 'refused'
  }
}

/**
 * Returns the error that the caller gets. It has the code and the data of Muster's errors. For any
 * other error it only reports an internal fault.
 */
export function publicError(
  { deps }: Pick<Service, 'deps'>,
  { what, peer }: { readonly what: string; readonly peer: DuplexPeer },
  error: unknown,
): MusterError {
  const from = peer.peerId ?? peer.address
  if (error instanceof MusterError) {
    deps.log.debug({ method: what, peer: from, code: error.code }, 'request refused')
    return error
  }
  deps.log.error({ method: what, peer: from, error }, 'handler failed')
  return wireError('protocol.internal', { method: what }, { cause: error })
}

interface Running {
  readonly service: Service
  readonly call: Call
  readonly line: CallerLine
  /** False after the response was sent. Later data of the handler is rejected. */
  open: boolean
  stuck: boolean
}

interface Admitted {
  readonly name: string
  readonly method: AnyMethod
  readonly limits: MethodLimits
  readonly handler: Handler
}

/**
 * Returns the encoded response. Rejects with the error for the caller, or with any error if a
 * handler fails.
 */
async function responseOf(running: Running): Promise<Uint8Array> {
  const { service, line } = running
  const admitted = withinBounds(service, running.call)
  const { name, method, limits, handler } = admitted
  const { request, caller } = await authorise(running, admitted)
  const context = contextOf(running, admitted, caller)
  const cancelTimer = callTimer(service, line, name, limits)
  line.began(method)
  try {
    const run =
      typeof handler === 'function' ? handler(request, context) : handler.run(request, context)
    const response = line.codec.encode(method.response.parse(await settled(running, run)))
    if (response.length <= limits.maxResponseBytes) return response
    const { length: bytes } = response
    throw new RangeError(
      `the response of ${name} has ${bytes} bytes, more than its ${limits.maxResponseBytes}`,
    )
  } finally {
    cancelTimer()
  }
}

/** @throws protocol.unsupported, protocol.too-large, protocol.busy */
function withinBounds({ protocol, handlers, quota }: Service, call: Call): Admitted {
  const { method: name, body, peer } = call
  const method = methodOf(protocol, name)
  const handler = handlers[name]
  if (method === undefined || handler === undefined)
    throw wireError('protocol.unsupported', { what: `${protocol.id} ${name}` })
  const limits = limitsOf(protocol, method)
  if (body.length > limits.maxRequestBytes)
    throw wireError('protocol.too-large', {
      what: `request ${name}`,
      bytes: body.length,
      limit: limits.maxRequestBytes,
    })
  if (!quota.take(peer.peerId ?? peer.transport))
    throw wireError('protocol.busy', { what: `${protocol.name} ${name}` })
  return { name, method, limits, handler }
}

/** Calls the policy before the body is decoded, and again with the targets of the request. */
async function authorise(
  { service, call, line }: Running,
  { name, method, handler }: Admitted,
): Promise<{ request: unknown; caller: Caller }> {
  const { policy } = service.deps
  const ask: Ask = { protocol: service.protocol.id, method: name, targets: undefined }
  const caller = await policy.allow(method.capability, call.peer, ask)
  const what = `request ${name}`
  const parsed = method.request.safeParse(line.codec.decode(call.body, what))
  if (!parsed.success)
    throw wireError(
      'protocol.malformed',
      { what, reason: issuesOf(parsed.error) },
      { cause: parsed.error },
    )
  const request: unknown = parsed.data
  if (typeof handler === 'function') return { request, caller }
  const targets = await handler.targets(request)
  const allowed = await policy.allow(method.capability, call.peer, { ...ask, targets })
  return { request, caller: allowed }
}

function contextOf(
  running: Running,
  { name, method, limits }: Admitted,
  caller: Caller,
): CallContext<unknown> {
  const { line, call } = running
  return {
    caller,
    peer: call.peer,
    signal: line.call.signal,
    upload: line.upload,
    progress: async (report) => {
      if (!running.open || method.progress === undefined) throw closed(name)
      const bytes = line.codec.encode(method.progress.parse(report))
      const { length } = bytes
      if (length > limits.maxProgressBytes)
        throw new RangeError(
          `a report of ${name} has ${length} bytes, more than its ${limits.maxProgressBytes}`,
        )
      await line.progress(bytes)
    },
    send: async (bytes) => {
      if (!running.open || method.download !== true) throw closed(name)
      await line.data(bytes)
    },
  }
}

function callTimer(
  { deps }: Service,
  { call }: CallerLine,
  what: string,
  { callMs: ms }: MethodLimits,
): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => undefined
  return deps.clock.after(ms, () => call.abort(wireError('protocol.timeout', { what, ms })))
}

/**
 * Returns the handler's result. After the signal aborted, the handler has a limited time to end.
 * Then the call ends without it.
 */
async function settled<T>(running: Running, run: Promise<T>): Promise<T> {
  const { clock, log } = running.service.deps
  const { signal } = running.line.call
  const gone = createInterrupt()
  let cancel: (() => void) | undefined
  const onAbort = (): void => {
    cancel = clock.after(HANDLER_GRACE_MS, () => {
      running.stuck = true
      log.error({ graceMs: HANDLER_GRACE_MS }, 'a handler ignores its signal')
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

const closed = (what: string): MusterError => wireError('protocol.closed', { what })

/** Returns the paths of the wrong keys, but not the caller's values. */
function issuesOf(error: {
  issues: readonly { path: readonly PropertyKey[]; code?: string }[]
}): string {
  const named = error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.map(String).join('.') || 'body'} (${issue.code ?? 'invalid'})`)
  return `wrong at ${named.join(', ')}`
}
