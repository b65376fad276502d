/**
 * The asking half of every protocol: typed calls over one duplex, one at a time in the order in
 * which they were made. A response is checked against its schema and its limits before the caller
 * sees it; a refusal becomes an error with prose of our own tables.
 */
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

/** An error frame carries a code and plain data; this is roomy for both. */
const MAX_ERROR_BYTES = 16 * 1024

export interface CallOptions<M> {
  readonly signal?: AbortSignal
  /** Called for each progress report; the next one waits for what it returns. */
  readonly onProgress?: (report: ProgressOf<M>) => void | Promise<void>
  /** Sent after the request, for methods that take an upload. */
  readonly upload?: AsyncIterable<Uint8Array>
  /**
   * Called for each piece of the download, valid until what it returns settles; the next one waits
   * for that.
   */
  readonly onData?: (bytes: Uint8Array) => void | Promise<void>
}

export interface Client<P extends Protocol> {
  /**
   * Calls a method. Aborting `signal` ends the whole duplex, because the answer can't be told from
   * the next one's; later calls then fail with protocol.closed. Rejects with the other side's
   * refusal, protocol.timeout, protocol.closed, protocol.malformed, or what a callback threw.
   */
  call<K extends keyof P['methods'] & string>(
    method: K,
    request: RequestOf<P['methods'][K]>,
    options?: CallOptions<P['methods'][K]>,
  ): Promise<ResponseOf<P['methods'][K]>>
  /** Half-closes once the calls under way are answered. */
  close(): Promise<void>
  abort(reason: Error): void
}

/** Values that a person typed get here. One that no request holds is a mistake of the caller. */
function checkedRequest(name: string, method: AnyMethod, request: unknown): unknown {
  const parsed = method.request.safeParse(request)
  if (parsed.success) return parsed.data
  const reason = describeIssue(parsed.error.issues[0])
  throw wireError('protocol.request', { method: name, reason }, { cause: parsed.error })
}

export function openClient<P extends Protocol>(
  protocol: P,
  duplex: Duplex,
  deps: { clock: Clock },
): Client<P> {
  const methods: Readonly<Record<string, AnyMethod>> = protocol.methods
  const limits = Object.values(methods).map((method) => limitsOf(protocol, method))
  const maxBytes = Math.max(
    MAX_ERROR_BYTES,
    ...limits.flatMap((own) => [own.maxResponseBytes, own.maxProgressBytes]),
  )
  const channel = createChannel(deps, duplex, { maxBytes, stallMs: protocol.limits.stallMs })
  let tail: Promise<unknown> = Promise.resolve()
  let broken: unknown

  const call = async (
    name: string,
    request: unknown,
    options: CallOptions<AnyMethod>,
  ): Promise<unknown> => {
    if (broken !== undefined)
      throw wireError('protocol.closed', { what: `${protocol.name} ${name}` }, { cause: broken })
    options.signal?.throwIfAborted()
    const method = methods[name] as AnyMethod
    const own = limitsOf(protocol, method)
    const payload = encodeRequest(name, checkedRequest(name, method, request))
    if (payload.length > own.maxRequestBytes) {
      throw wireError('protocol.too-large', {
        what: `request ${name}`,
        bytes: payload.length,
        limit: own.maxRequestBytes,
      })
    }
    const what = `${protocol.name} ${name}`
    const fail = (reason: unknown): void => {
      broken ??= reason
      channel.abort(
        reason instanceof Error
          ? reason
          : wireError('protocol.closed', { what }, { cause: reason }),
      )
    }
    const onAbort = (): void => fail(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const cancelTimer =
      own.callMs === Number.POSITIVE_INFINITY
        ? undefined
        : deps.clock.after(own.callMs, () =>
            fail(wireError('protocol.timeout', { what, ms: own.callMs })),
          )
    try {
      await channel.send('request', payload)
      return await exchange(channel, { what, method, limits: own, options })
    } catch (error) {
      if (error instanceof Refusal) throw error.error
      fail(error)
      throw broken
    } finally {
      cancelTimer?.()
      options.signal?.removeEventListener('abort', onAbort)
    }
  }
  return {
    call: (name, request, options = {}) => {
      const mine = tail.then(() => call(name, request, options as CallOptions<AnyMethod>))
      tail = mine.catch(() => undefined)
      return mine as never
    },
    close: async () => {
      await tail
      if (broken === undefined) await channel.close()
    },
    abort: (reason) => {
      broken ??= reason
      channel.abort(reason)
    },
  }
}

/** The other side's answer was a refusal: the duplex is whole and the next call may follow. */
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
  // A source that fails must end the call at once, not when the other side gives up waiting.
  const failed = createInterrupt()
  const uploaded =
    call.method.upload === true
      ? upload(channel, call.options.upload ?? nothing(), answered).catch(failed.end)
      : undefined
  try {
    return await failed.wait(answer(channel, call))
  } finally {
    answered.end(ANSWERED)
    await uploaded
  }
}

const ANSWERED = Symbol('answered')

/**
 * Sends the source up to its end, or to the answer if that comes first: the rest is of no use then.
 */
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
    // Not awaited: a source that waits for a person would hold the answer back.
    chunks.return?.().catch(() => undefined)
  }
  await channel.send('end', new Uint8Array(0))
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function answer(channel: Channel, call: Call): Promise<unknown> {
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
