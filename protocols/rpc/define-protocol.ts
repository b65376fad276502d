/**
 * Protocols as data: a name, a version, limits, and methods with their messages and the capability
 * that a caller needs. The capability and the limits are required by the types, and `Handlers` has
 * one member per method, so a method without either doesn't compile.
 */
import type { z } from 'zod'
import type { Capability } from '../capability.ts'
import type { DuplexPeer, Caller, Target } from './peer.ts'

/** Bounds of one method. A protocol states them all; a method may state its own. */
export interface MethodLimits {
  /** Bytes of the encoded request. */
  readonly maxRequestBytes: number
  /** Bytes of the encoded response. */
  readonly maxResponseBytes: number
  /** Bytes of one encoded progress report. */
  readonly maxProgressBytes: number
  /**
   * Milliseconds from request to response; Infinity for methods that follow something until the
   * caller leaves.
   */
  readonly callMs: number
}

export interface Limits extends MethodLimits {
  /**
   * Milliseconds that a stream may rest between two requests, the reading of the next request
   * included.
   */
  readonly idleMs: number
  /**
   * Milliseconds that one write or one awaited piece of an upload may take: a peer that stalls
   * longer is cut off.
   */
  readonly stallMs: number
  /** Streams of this protocol that one connection may have open towards us. */
  readonly maxInboundStreams: number
  /** Streams of this protocol that we open on one connection. */
  readonly maxOutboundStreams: number
  /**
   * Requests of this protocol per peer: a bucket of `burst`, refilled at `perSecond`. libp2p itself
   * bounds only concurrent streams.
   */
  readonly quota: { readonly burst: number; readonly perSecond: number }
}

type Schema<T> = z.ZodType<T, unknown>

export interface MethodSpec<Req, Res, Prog, C extends Capability> {
  readonly capability: C
  readonly request: Schema<Req>
  readonly response: Schema<Res>
  /** Reports between request and response. Left out: the method sends none. */
  readonly progress?: Schema<Prog>
  /** The caller sends bytes after the request. */
  readonly upload?: true
  /** The response is preceded by bytes. */
  readonly download?: true
  readonly limits?: Partial<MethodLimits>
}
export type Method<
  Req = unknown,
  Res = unknown,
  Prog = unknown,
  C extends Capability = Capability,
> = MethodSpec<Req, Res, Prog, C>

// A method of unknown messages would refuse every concrete one.
// oxlint-disable-next-line typescript/no-explicit-any -- schemas are invariant
export type AnyMethod = Method<any, any, any, Capability>

/** Declares a method; exists for inference only. */
export function method<Req, Res, Prog = never, const C extends Capability = Capability>(
  spec: MethodSpec<Req, Res, Prog, C>,
): Method<Req, Res, Prog, C> {
  return spec
}

export interface Protocol<
  M extends Readonly<Record<string, AnyMethod>> = Readonly<Record<string, AnyMethod>>,
> {
  /** `/muster/<name>/<version>`: what libp2p and the unix socket negotiate. */
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

/** A method's own limits over its protocol's. */
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

/** What a handler has besides its request. */
export interface CallContext<Prog = never> {
  readonly caller: Caller
  /** The duplex's peer; `session.open` sets its session. */
  readonly peer: DuplexPeer
  /** Aborts when the caller leaves, the call takes longer than its limit, or the node closes. */
  readonly signal: AbortSignal
  /** Sends a progress report; resolves when more may be sent. */
  progress(report: Prog): Promise<void>
  /** What the caller uploads; ends at the end of the upload. Empty for methods without `upload`. */
  readonly upload: AsyncIterable<Uint8Array>
  /**
   * Sends bytes ahead of the response; resolves when more may be sent. The bytes are given away and
   * never changed again.
   */
  send(bytes: Uint8Array): Promise<void>
}

export type PlainHandler<Req, Res, Prog> = (
  request: Req,
  context: CallContext<Prog>,
) => Promise<Res>
export interface TargetedHandler<Req, Res, Prog> {
  /**
   * What the request touches, each to be authorised; asked before `run`. Must not reveal by its
   * errors what exists.
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
