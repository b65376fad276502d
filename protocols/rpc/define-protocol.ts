/**
 * Declares protocols as data: a name, a version, limits, and methods with their messages and the
 * capability that a caller needs. The types require the capability, the limits, and a handler for
 * each method.
 */
import type { z } from 'zod'
import type { Capability } from '../capability.ts'
import type { DuplexPeer, Caller, Target } from './peer.ts'

/** The limits of one method. A protocol declares all of them, and a method may declare its own. */
export interface MethodLimits {
  /** The maximum bytes of the encoded request. */
  readonly maxRequestBytes: number
  /** The maximum bytes of the encoded response. */
  readonly maxResponseBytes: number
  /** The maximum bytes of one encoded progress report. */
  readonly maxProgressBytes: number
  /**
   * The milliseconds from request to response. Infinity for methods that send data until the caller
   * leaves.
   */
  readonly callMs: number
}

export interface Limits extends MethodLimits {
  /**
   * The milliseconds between two requests of a stream, including the time to read the second one.
   */
  readonly idleMs: number
  /**
   * The milliseconds that one write or one awaited piece of an upload may take. The stream of a
   * peer that takes longer is aborted.
   */
  readonly stallMs: number
  /** The maximum number of streams of this protocol that a peer has open on one connection. */
  readonly maxInboundStreams: number
  /** The maximum number of streams of this protocol that we open on one connection. */
  readonly maxOutboundStreams: number
  /**
   * Limits the requests of each peer for this protocol: a bucket of `burst`, refilled at
   * `perSecond`. libp2p limits only concurrent streams.
   */
  readonly quota: { readonly burst: number; readonly perSecond: number }
}

type Schema<T> = z.ZodType<T, unknown>

export interface MethodSpec<Req, Res, Prog, C extends Capability> {
  readonly capability: C
  readonly request: Schema<Req>
  readonly response: Schema<Res>
  /** The progress reports between request and response. Absent if the method sends none. */
  readonly progress?: Schema<Prog>
  /** True if the caller sends bytes after the request. */
  readonly upload?: true
  /** True if the server sends bytes before the response. */
  readonly download?: true
  readonly limits?: Partial<MethodLimits>
}
export type Method<
  Req = unknown,
  Res = unknown,
  Prog = unknown,
  C extends Capability = Capability,
> = MethodSpec<Req, Res, Prog, C>

// The types of concrete methods are not assignable to a method of `unknown` messages.
// oxlint-disable-next-line typescript/no-explicit-any -- schemas are invariant
export type AnyMethod = Method<any, any, any, Capability>

/** Declares a method. The function exists only for type inference. */
export function method<Req, Res, Prog = never, const C extends Capability = Capability>(
  spec: MethodSpec<Req, Res, Prog, C>,
): Method<Req, Res, Prog, C> {
  return spec
}

export interface Protocol<
  M extends Readonly<Record<string, AnyMethod>> = Readonly<Record<string, AnyMethod>>,
> {
  /** `/muster/<name>/<version>`, which libp2p and the unix socket negotiate. */
  readonly id: string
  readonly name: string
  readonly version: number
  readonly limits: Limits
  readonly methods: M
}

const NAME = /^[a-z][a-z-]{0,31}$/
const METHOD = /^[a-z][a-zA-Z.]{0,63}$/

export function defineProtocol<const M extends Readonly<Record<string, AnyMethod>>>(spec: {
  name: string
  version: number
  limits: Limits
  methods: M
}): Protocol<M> {
  if (!NAME.test(spec.name))
    throw new TypeError(`protocol name ${spec.name} is not lower-case words`)
  for (const name of Object.keys(spec.methods))
    if (!METHOD.test(name)) throw new TypeError(`method name ${name} is not words and dots`)
  return { ...spec, id: `/muster/${spec.name}/${spec.version}` }
}

/** Returns the limits of a method. Its own limits replace those of the protocol. */
export function limitsOf(protocol: Protocol, method: AnyMethod): MethodLimits {
  return { ...protocol.limits, ...method.limits }
}

export type RequestOf<M> =
  M extends Method<infer Req, infer _Res, infer _Prog, infer _C> ? Req : never
export type ResponseOf<M> =
  M extends Method<infer _Req, infer Res, infer _Prog, infer _C> ? Res : never
export type ProgressOf<M> =
  M extends Method<infer _Req, infer _Res, infer Prog, infer _C> ? Prog : never
type CapabilityOf<M> = M extends Method<infer _Req, infer _Res, infer _Prog, infer C> ? C : never

/** The values that a handler gets with its request. */
export interface CallContext<Prog = never> {
  readonly caller: Caller
  /** The peer of the duplex. `session.open` sets its session. */
  readonly peer: DuplexPeer
  /** Aborts if the caller leaves, the call exceeds its time limit, or the node closes. */
  readonly signal: AbortSignal
  /** Sends a progress report. Resolves when more may be sent. */
  progress(report: Prog): Promise<void>
  /** The bytes of the upload. Empty for methods without `upload`. */
  readonly upload: AsyncIterable<Uint8Array>
  /**
   * Sends bytes before the response. Resolves when more may be sent. The handler must not change
   * the bytes afterwards.
   */
  send(bytes: Uint8Array): Promise<void>
}

export type PlainHandler<Req, Res, Prog> = (
  request: Req,
  context: CallContext<Prog>,
) => Promise<Res>
export interface TargetedHandler<Req, Res, Prog> {
  /**
   * Returns the targets of the request, which are authorised before `run`. Its errors must not
   * reveal whether a target exists.
   */
  targets(request: Req): Promise<readonly Target[]>
  run(request: Req, context: CallContext<Prog>): Promise<Res>
}
type HandlerOf<M> =
  CapabilityOf<M> extends { kind: 'operator'; scope: 'targets' }
    ? TargetedHandler<RequestOf<M>, ResponseOf<M>, ProgressOf<M>>
    : PlainHandler<RequestOf<M>, ResponseOf<M>, ProgressOf<M>>

export type Handlers<P extends Protocol> = {
  readonly [K in keyof P['methods']]: HandlerOf<P['methods'][K]>
}
