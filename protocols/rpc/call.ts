/**
 * The client of every protocol. It makes typed calls over one duplex, one after another, and checks
 * each response against its schema and limits. The text of a peer's error comes from our own
 * tables.
 */
import { requireDefined } from '../../shared/require-defined.ts'
import type { Clock } from '../../shared/clock.ts'
import { createInterrupt, type Interrupt } from '../../shared/interrupt.ts'
import { describeIssue } from '../../shared/schema-issue.ts'
import {
  type AnyMethod,
  type MethodLimits,
  type ProgressOf,
  type Protocol,
  type RequestOf,
  type ResponseOf,
  limitsOf,
} from './define-protocol.ts'
import { decodeCbor } from '../wire/cbor.ts'
import { type Channel, createChannel } from '../wire/channel.ts'
import type { Duplex } from '../wire/duplex.ts'
import { wireError } from '../wire/errors.ts'
import { encodeRequest } from '../wire/request.ts'
import { decodeError } from '../wire/status.ts'

/** The maximum size of an error frame, which has only a code and plain data. */
const MAX_ERROR_BYTES = 16 * 1024

export interface CallOptions<M> {
  readonly signal?: AbortSignal
  /** Called for each progress report. The next one waits until the returned promise settles. */
  readonly onProgress?: (report: ProgressOf<M>) => void | Promise<void>
  /** The bytes that are sent after the request, for methods with an upload. */
  readonly upload?: AsyncIterable<Uint8Array>
  /**
   * Called for each part of the download. The bytes are valid until the returned promise settles.
   * The next part waits for it.
   */
  readonly onData?: (bytes: Uint8Array) => void | Promise<void>
}

export interface Client<P extends Protocol> {
  /**
   * Calls a method. Aborting `signal` ends the whole duplex, because a late response would be read
   * as the response to the next call. Later calls fail with protocol.closed.
   * @throws the peer's error, protocol.timeout, .closed, .malformed, or a callback's error
   */
  call<K extends keyof P['methods'] & string>(
    method: K,
    request: RequestOf<P['methods'][K]>,
    options?: CallOptions<P['methods'][K]>,
  ): Promise<ResponseOf<P['methods'][K]>>
  /** Half-closes after all calls have ended. */
  close(): Promise<void>
  abort(reason: Error): void
}

export function openClient<P extends Protocol>(
  protocol: P,
  duplex: Duplex,
  deps: { clock: Clock },
): Client<P> {
  const calls = new SerialCalls(protocol, duplex, deps)
  return {
    // The method's own types end here: its schemas check the request and the response.
    call: (name, request, options = {}) =>
      calls.call(name, request, options as CallOptions<AnyMethod>) as Promise<never>,
    close: () => calls.close(),
    abort: (reason) => calls.abort(reason),
  }
}

/** Calls on one duplex, one after another. */
class SerialCalls {
  readonly #protocol: Protocol
  readonly #clock: Clock
  readonly #channel: Channel
  #tail: Promise<unknown> = Promise.resolve()
  /** The reason why the duplex can't be used any more. */
  #broken: unknown

  constructor(protocol: Protocol, duplex: Duplex, deps: { clock: Clock }) {
    this.#protocol = protocol
    this.#clock = deps.clock
    this.#channel = createChannel(deps, duplex, {
      maxBytes: maxFrameBytes(protocol),
      stallMs: protocol.limits.stallMs,
    })
  }

  call(name: string, request: unknown, options: CallOptions<AnyMethod>): Promise<unknown> {
    const result = this.#tail.then(() => this.#call(name, request, options))
    this.#tail = result.catch(() => undefined)
    return result
  }

  async close(): Promise<void> {
    await this.#tail
    if (this.#broken === undefined) await this.#channel.close()
  }

  abort(reason: Error): void {
    this.#broken ??= reason
    this.#channel.abort(reason)
  }

  async #call(name: string, request: unknown, options: CallOptions<AnyMethod>): Promise<unknown> {
    const what = `${this.#protocol.name} ${name}`
    if (this.#broken !== undefined)
      throw wireError('protocol.closed', { what }, { cause: this.#broken })
    options.signal?.throwIfAborted()
    const method = requireDefined(this.#protocol.methods[name], 'the type has this method')
    const limits = limitsOf(this.#protocol, method)
    const payload = encodeChecked(name, method, request, limits.maxRequestBytes)
    const fail = (reason: unknown): void => this.#fail(what, reason)
    const onAbort = (): void => fail(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const cancelTimer = this.#failAfter(what, limits.callMs)
    try {
      await this.#channel.send('request', payload)
      return await exchange(this.#channel, { what, method, limits, options })
    } catch (error) {
      if (error instanceof Refusal) throw error.error
      fail(error)
      throw this.#broken
    } finally {
      cancelTimer?.()
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  #failAfter(what: string, ms: number): (() => void) | undefined {
    if (ms === Number.POSITIVE_INFINITY) return undefined
    return this.#clock.after(ms, () =>
      this.#fail(what, wireError('protocol.timeout', { what, ms })),
    )
  }

  #fail(what: string, reason: unknown): void {
    this.#broken ??= reason
    this.#channel.abort(
      reason instanceof Error ? reason : wireError('protocol.closed', { what }, { cause: reason }),
    )
  }
}

function maxFrameBytes(protocol: Protocol): number {
  const limits = Object.values(protocol.methods).map((method) => limitsOf(protocol, method))
  const sizes = limits.flatMap((own) => [own.maxResponseBytes, own.maxProgressBytes])
  return Math.max(MAX_ERROR_BYTES, ...sizes)
}

/**
 * Encodes a request. A value that a user typed may fail the schema. This counts as the caller's
 * mistake.
 * @throws protocol.request, protocol.too-large
 */
function encodeChecked(
  name: string,
  method: AnyMethod,
  request: unknown,
  limit: number,
): Uint8Array {
  const parsed = method.request.safeParse(request)
  if (!parsed.success) {
    const reason = describeIssue(parsed.error.issues[0])
    throw wireError('protocol.request', { method: name, reason }, { cause: parsed.error })
  }
  const payload = encodeRequest(name, parsed.data)
  measure(`request ${name}`, payload, limit)
  return payload
}

/** An error that the peer returned. The duplex can be used for the next call. */
class Refusal extends Error {
  readonly error: Error
  constructor(error: Error) {
    super('refused')
    this.error = error
  }
}

interface Call {
  readonly what: string
  readonly method: AnyMethod
  readonly limits: MethodLimits
  readonly options: CallOptions<AnyMethod>
}

async function exchange(channel: Channel, call: Call): Promise<unknown> {
  const answered = createInterrupt()
  // A failed source must end the call at once, before the peer's timeout.
  const failed = createInterrupt()
  const uploaded =
    call.method.upload === true
      ? upload(channel, call.options.upload ?? nothing(), answered).catch(failed.end)
      : undefined
  try {
    return await failed.wait(receiveResponse(channel, call))
  } finally {
    answered.end(ANSWERED)
    await uploaded
  }
}

const ANSWERED = Symbol('answered')

/** Sends the source until it ends or the response arrives. */
async function upload(
  channel: Channel,
  source: AsyncIterable<Uint8Array>,
  answered: Interrupt,
): Promise<void> {
  const chunks = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await answered.wait(chunks.next())
      if (next.done === true) break
      await channel.sendData(next.value)
    }
  } catch (error) {
    if (error !== ANSWERED) throw error
    // This is not awaited, because the source may wait for a person.
    chunks.return?.().catch(() => undefined)
  }
  await channel.send('end', new Uint8Array(0))
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function receiveResponse(channel: Channel, call: Call): Promise<unknown> {
  const { method, options, what } = call
  for (;;) {
    const frame = await channel.take()
    if (frame === undefined) throw wireError('protocol.closed', { what })
    switch (frame.kind) {
      case 'data':
        if (method.download !== true || options.onData === undefined) throw unexpected('data')
        await options.onData(frame.payload)
        break
      case 'progress': {
        if (method.progress === undefined) throw unexpected('progress')
        measure(`progress of ${what}`, frame.payload, call.limits.maxProgressBytes)
        const report = check(method.progress, frame.payload, `progress of ${what}`)
        await options.onProgress?.(report)
        break
      }
      case 'response':
        measure(`response of ${what}`, frame.payload, call.limits.maxResponseBytes)
        return check(method.response, frame.payload, `response of ${what}`)
      case 'error':
        throw new Refusal(decodeError(frame.payload, what))
      case 'request':
      case 'end':
      case 'select':
        throw unexpected(frame.kind)
      default:
        throw frame.kind satisfies never
    }
  }
}

function measure(what: string, payload: Uint8Array, limit: number): void {
  if (payload.length > limit)
    throw wireError('protocol.too-large', { what, bytes: payload.length, limit })
}

function check(schema: AnyMethod['response'], payload: Uint8Array, what: string): unknown {
  const parsed = schema.safeParse(decodeCbor(payload, what))
  if (parsed.success) return parsed.data
  throw wireError(
    'protocol.malformed',
    { what, reason: 'its fields are wrong' },
    { cause: parsed.error },
  )
}

function unexpected(kind: string): Error {
  return wireError('protocol.malformed', { what: 'answer', reason: `unexpected ${kind} frame` })
}
