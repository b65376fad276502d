/**
 * The upstream of a repository as a sync uses it. Small files are read whole. Large files are
 * streams that continue after a broken connection. Failed requests have a limited number of
 * retries.
 */
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import type { Random } from '../../../shared/random.ts'
import { mirrorError } from '../model/errors.ts'
import { encodeHref, type Href } from '../model/href.ts'
import { checkEncoding } from './answer-checks.ts'
import type { Answer, Connection } from './connection.ts'
import { type Exchange, openExchange } from './exchange.ts'
import { PartialFile } from './partial-file.ts'
import { Retries, type RetryNotice, refusal } from './retries.ts'

/** The lowest average speed. A slower transfer is aborted, because it would take days. */
const MIN_BYTES_PER_SECOND = 1024
/** The size for the time limit of a small file. The limits of its length are much larger. */
const SMALL_BYTES = 256 * 1024

export interface UpstreamOptions {
  readonly base: URL
  /** The number of retries for a failed request. */
  readonly retries: number
  readonly idleMs: number
}

export interface SmallFile {
  readonly bytes: Buffer
  readonly etag?: string
  readonly lastModified?: string
}

export interface Upstream {
  readonly base: URL
  /**
   * Returns a file of at most `maxBytes`, or `unchanged` if the validators still match, or `absent`
   * if the upstream doesn't have it. `path` '' is the folder itself (its index page).
   */
  small(path: Href | '', request: SmallRequest): Promise<SmallFile | 'unchanged' | 'absent'>
  /** Yields the bytes of a file. Chunks may be empty. The caller verifies the bytes. */
  stream(path: Href, request: StreamRequest): AsyncGenerator<Uint8Array>
}

interface Request {
  readonly maxBytes: number
  readonly signal: AbortSignal
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined
}

export interface SmallRequest extends Request {
  readonly validators?: {
    readonly etag?: string | undefined
    readonly lastModified?: string | undefined
  }
}

export interface StreamRequest extends Request {
  /** The size that the file must have; absent if unknown. */
  readonly size?: number
}

interface UpstreamDeps {
  readonly connection: Connection
  readonly clock: Clock
  readonly random: Random
}

export function createUpstream(deps: UpstreamDeps, options: UpstreamOptions): Upstream {
  const { idleMs } = options
  const urlOf = (path: string): URL => new URL(encodeHref(path), options.base)
  const limitMsOf = (bytes: number): number => idleMs + (bytes / MIN_BYTES_PER_SECOND) * 1000
  const retriesOf = (path: string, { signal, onRetry }: Request): Retries =>
    new Retries(deps, {
      url: urlOf(path),
      file: path,
      retries: options.retries,
      signal,
      onRetry,
    })

  return {
    base: options.base,
    async small(path, request) {
      const limitMs = limitMsOf(Math.min(request.maxBytes, SMALL_BYTES))
      const retries = retriesOf(path, request)
      for (;;) {
        try {
          return await fetchSmall(deps, { path, url: urlOf(path), limitMs }, request)
        } catch (error) {
          await retries.wait(error)
        }
      }
    },

    async *stream(path, request) {
      const { signal } = request
      const url = urlOf(path)
      const file = new PartialFile(path, request)
      const retries = retriesOf(path, request)
      for (;;) {
        let exchange: Exchange | undefined
        try {
          const limitMs = limitMsOf(file.missing)
          exchange = await openExchange(deps, url, { headers: file.headers(), limitMs, signal })
          file.accept(exchange.answer, deps.clock)
          for await (const chunk of exchange.answer.body) yield file.take(chunk)
          return file.checkComplete(url)
        } catch (error) {
          // Another request may use the connection while this attempt waits.
          exchange?.end()
          const failure = exchange === undefined ? error : exchange.failure(error)
          if (file.recordFailure(failure)) retries.reset()
          await retries.wait(failure)
        } finally {
          exchange?.end()
        }
      }
    },
  }
}

async function fetchSmall(
  deps: UpstreamDeps,
  { path, url, limitMs }: { path: string; url: URL; limitMs: number },
  { maxBytes, validators = {}, signal }: SmallRequest,
): Promise<SmallFile | 'unchanged' | 'absent'> {
  const { etag, lastModified } = validators
  const headers = defined({ 'if-none-match': etag, 'if-modified-since': lastModified })
  const { answer, failure, end } = await openExchange(deps, url, { headers, limitMs, signal })
  try {
    if (answer.status === 304 && Object.keys(headers).length > 0) return 'unchanged'
    if (answer.status === 404 || answer.status === 410) return 'absent'
    if (answer.status !== 200) throw refusal(answer, deps.clock)
    checkEncoding(path, answer)
    const bytes = await collect(answer, path, maxBytes)
    return defined({
      bytes,
      etag: answer.headers.etag,
      lastModified: answer.headers['last-modified'],
    })
  } catch (error) {
    throw failure(error)
  } finally {
    end()
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
