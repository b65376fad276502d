/**
 * A repository's upstream, as the sync sees it: small files whole, large ones as a stream of bytes
 * that survives cut connections. A cut body goes on by Range under If-Range; a server that ignores
 * Range costs the bytes again but nothing else, because what was passed on already is skipped and
 * the digest over the whole file decides. Tries are bounded and spaced by exponential back-off with
 * full jitter.
 */
import { backoffMs, parseRetryAfter } from '../../../shared/concurrency/backoff.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { Random } from '../../../shared/random.ts'
import { mirrorError } from '../model/errors.ts'
import { encodeHref, type Href } from '../model/href.ts'
import type { Answer, Connection } from './connection.ts'
import { isRetryable, MAX_RETRY_AFTER_MS, requestFailure, statusFailure } from './failure.ts'

/** First and longest wait between two tries. */
const BACKOFF = { baseMs: 500, maxMs: 30_000 }
/** A body slower than this over a whole file is given up: it would hold a worker for days. */
const MIN_BYTES_PER_SECOND = 1024
/**
 * What the time for a small file is reckoned from; their limits on length are far above what they
 * have.
 */
const SMALL_BYTES = 256 * 1024
/**
 * After this much of progress the count of failures starts again: a line that drops every 100 MB
 * still gets a 4 GB file.
 */
const PROGRESS_BYTES = 1024 * 1024

export interface UpstreamOptions {
  readonly base: URL
  /** Further tries per file. */
  readonly retries: number
  readonly idleMs: number
}

export interface SmallFile {
  readonly bytes: Buffer
  readonly etag?: string
  readonly lastModified?: string
}

export interface RetryNotice {
  readonly file: string
  readonly reason: string
  readonly waitMs: number
}

export interface Upstream {
  readonly base: URL
  /**
   * A file of at most `maxBytes`, or `unchanged` if the validators still hold, or `absent` where
   * the upstream says that it has none. `path` '' is the folder itself (its index page).
   */
  small(path: Href | '', options: SmallOptions): Promise<SmallFile | 'unchanged' | 'absent'>
  /** The bytes of a file, resumed as often as needed. Verifying them is the caller's. */
  stream(path: Href, options: StreamOptions): AsyncGenerator<Uint8Array>
}

export interface SmallOptions {
  readonly maxBytes: number
  readonly validators?: {
    readonly etag?: string | undefined
    readonly lastModified?: string | undefined
  }
  readonly signal: AbortSignal
  readonly onRetry?: (notice: RetryNotice) => void
}

export interface StreamOptions {
  /** Bytes the file must have; unknown if absent. */
  readonly size?: number
  readonly maxBytes: number
  readonly signal: AbortSignal
  readonly onRetry?: (notice: RetryNotice) => void
}

export function createUpstream(
  deps: { connection: Connection; clock: Clock; random: Random },
  options: UpstreamOptions,
): Upstream {
  const { clock } = deps
  const addressOf = (path: string): URL => new URL(encodeHref(path), options.base)
  const exchange = (
    path: string,
    request: { headers: Record<string, string>; bytes: number; signal: AbortSignal },
  ): Promise<Exchange> =>
    begin(deps, addressOf(path), {
      ...request,
      limitMs: options.idleMs + (request.bytes / MIN_BYTES_PER_SECOND) * 1000,
    })

  /** Waits before another try, or throws `error` where another try is no use. */
  const pause = async (
    error: unknown,
    failures: number,
    request: { path: string } & Pick<StreamOptions, 'signal' | 'onRetry'>,
  ) => {
    request.signal.throwIfAborted()
    if (!isRetryable(error) || failures > options.retries) throw error
    const asked = askedWaitOf(error)
    if (asked > MAX_RETRY_AFTER_MS) {
      const data = {
        url: addressOf(request.path).href,
        seconds: Math.round(asked / 1000),
        most: MAX_RETRY_AFTER_MS / 1000,
      }
      throw mirrorError('mirror.busy', data, { cause: error })
    }
    const waitMs = Math.max(asked, backoffMs(deps, BACKOFF, failures - 1))
    request.onRetry?.({ file: request.path, reason: (error as Error).message, waitMs })
    await clock.sleep(waitMs, request.signal)
  }

  const small = async (
    path: Href | '',
    { maxBytes, validators = {}, signal }: SmallOptions,
  ): Promise<SmallFile | 'unchanged' | 'absent'> => {
    const headers: Record<string, string> = {}
    if (validators.etag !== undefined) headers['if-none-match'] = validators.etag
    if (validators.lastModified !== undefined)
      headers['if-modified-since'] = validators.lastModified
    const { answer, failure, end } = await exchange(path, {
      headers,
      bytes: Math.min(maxBytes, SMALL_BYTES),
      signal,
    })
    try {
      if (answer.status === 304 && Object.keys(headers).length > 0) return 'unchanged'
      if (answer.status === 404 || answer.status === 410) return 'absent'
      if (answer.status !== 200) throw refusal(answer, clock)
      checkEncoding(path, answer)
      const bytes = await collect(answer, path, maxBytes)
      const { etag, 'last-modified': lastModified } = answer.headers
      return {
        bytes,
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { lastModified }),
      }
    } catch (error) {
      throw failure(error)
    } finally {
      end()
    }
  }

  return {
    base: options.base,
    async small(path, request) {
      for (let failures = 1; ; failures += 1) {
        try {
          return await small(path, request)
        } catch (error) {
          await pause(error, failures, { path, ...request })
        }
      }
    },

    async *stream(path, { size, maxBytes, signal, onRetry }) {
      const limit = Math.min(size ?? maxBytes, maxBytes)
      // How many bytes were passed on, and which version of the file they are of.
      let passed = 0
      let validator: string | undefined
      let mayResume = true
      let failures = 0
      let markedAt = 0
      for (;;) {
        const resumeAt = mayResume && passed > 0 ? passed : undefined
        try {
          const { answer, failure, end } = await exchange(path, {
            headers: rangeHeaders(resumeAt, validator),
            bytes: limit - passed,
            signal,
          })
          try {
            if (answer.status !== 200 && (answer.status !== 206 || resumeAt === undefined)) {
              // The file is shorter now than what we have of it: start over, and let the digest say
              // which was right.
              if (answer.status === 416) throw mirrorError('mirror.changed', { file: path })
              throw refusal(answer, clock)
            }
            checkEncoding(path, answer)
            checkExtent(path, answer, { resumeAt, size })
            if (passed === 0) validator = validatorOf(answer)
            let skip = answer.status === 200 ? passed : 0
            for await (const chunk of answer.body) {
              const fresh = chunk.subarray(Math.min(skip, chunk.length))
              skip -= chunk.length - fresh.length
              if (passed + fresh.length > limit)
                throw mirrorError('mirror.too-big', { file: path, limit })
              passed += fresh.length
              if (fresh.length > 0) yield fresh
            }
          } catch (error) {
            throw failure(error)
          } finally {
            end()
          }
          if (size === undefined || passed === size) return
          throw mirrorError('mirror.unreachable', {
            url: addressOf(path).href,
            reason: `it ended after ${passed} of ${size} bytes`,
          })
        } catch (error) {
          // A server whose ranges are wrong is asked for the whole file from then on.
          if (mirrorError.is(error, 'mirror.changed')) mayResume = false
          if (passed - markedAt >= PROGRESS_BYTES) {
            failures = 0
            markedAt = passed
          }
          failures += 1
          await pause(error, failures, {
            path,
            signal,
            ...(onRetry === undefined ? {} : { onRetry }),
          })
        }
      }
    },
  }
}

interface Exchange {
  readonly answer: Answer
  /**
   * Our error for what reading the body threw: the deadline's, the caller's abort, or one by its
   * cause.
   */
  failure(error: unknown): unknown
  /** Always called; a body that was not read to its end takes its connection with it. */
  end(): void
}

/**
 * One request with a limit on the time for all of its answer: a body that drips for ever passes
 * every idle timeout.
 */
async function begin(
  deps: { connection: Connection; clock: Clock },
  url: URL,
  request: { headers: Record<string, string>; limitMs: number; signal: AbortSignal },
): Promise<Exchange> {
  const deadline = new AbortController()
  const slow = (): void =>
    deadline.abort(
      mirrorError('mirror.slow', { url: url.href, seconds: Math.round(request.limitMs / 1000) }),
    )
  const stop = deps.clock.after(Math.min(request.limitMs, MAX_TIMER_MS), slow)
  const failure = (error: unknown, at: string): unknown => {
    if (request.signal.aborted) return request.signal.reason
    if (deadline.signal.aborted) return deadline.signal.reason
    return requestFailure(error, at)
  }
  try {
    const answer = await deps.connection.get(url, {
      headers: request.headers,
      signal: AbortSignal.any([request.signal, deadline.signal]),
    })
    return {
      answer,
      failure: (error) => failure(error, answer.url),
      end() {
        stop()
        answer.body.destroy()
      },
    }
  } catch (error) {
    stop()
    throw failure(error, url.href)
  }
}

/** setTimeout's own bound; a limit beyond 24 days is none. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** What Retry-After said, beside the error that tells of it. */
const askedWaits = new WeakMap<object, number>()

function refusal(answer: Answer, clock: Clock): Error {
  const error = statusFailure(answer.status, answer.url)
  const asked = parseRetryAfter(answer.headers['retry-after'], clock.now())
  if (asked !== undefined) askedWaits.set(error, asked)
  return error
}

function askedWaitOf(error: unknown): number {
  return (error instanceof Error ? askedWaits.get(error) : undefined) ?? 0
}

/** A strong ETag, else Last-Modified: what If-Range may hold (RFC 9110 section 13.1.5). */
function validatorOf(answer: Answer): string | undefined {
  const { etag } = answer.headers
  return etag?.startsWith('"') === true ? etag : answer.headers['last-modified']
}

function rangeHeaders(
  resumeAt: number | undefined,
  validator: string | undefined,
): Record<string, string> {
  if (resumeAt === undefined) return {}
  return {
    range: `bytes=${resumeAt}-`,
    ...(validator === undefined ? {} : { 'if-range': validator }),
  }
}

/**
 * The file must come as it is stored. A server that labels `x.gz` as gzip-encoded describes the
 * stored file; nothing is decoded then either, and its digest decides.
 */
function checkEncoding(path: string, answer: Answer): void {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase()
  if (encoding === undefined || encoding === '' || encoding === 'identity') return
  const stored = path.endsWith('.gz') && (encoding === 'gzip' || encoding === 'x-gzip')
  if (!stored)
    throw mirrorError('mirror.encoding', { url: answer.url, encoding: encoding.slice(0, 80) })
}

/**
 * What the headers already give away: a range that is not the one asked for, or a file of another
 * size than listed.
 */
function checkExtent(
  path: string,
  answer: Answer,
  expected: { resumeAt: number | undefined; size: number | undefined },
): void {
  const length = /^\d{1,15}$/.test(answer.headers['content-length'] ?? '')
    ? Number(answer.headers['content-length'])
    : undefined
  if (answer.status === 206) {
    const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(
      answer.headers['content-range'] ?? '',
    )
    const total = range?.[2] === '*' || range === null ? undefined : Number(range[2])
    if (range === null || Number(range[1]) !== expected.resumeAt)
      throw mirrorError('mirror.changed', { file: path })
    if (expected.size !== undefined && total !== undefined && total !== expected.size)
      throw mirrorError('mirror.changed', { file: path })
  } else if (expected.size !== undefined && length !== undefined && length !== expected.size) {
    throw mirrorError('mirror.digest', {
      file: path,
      kind: 'size',
      expected: String(expected.size),
      got: String(length),
    })
  }
}

async function collect(answer: Answer, path: string, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body) {
    size += part.length
    if (size > maxBytes)
      throw mirrorError('mirror.too-big', {
        file: path === '' ? 'the index page' : path,
        limit: maxBytes,
      })
    parts.push(part)
  }
  return Buffer.concat(parts)
}
