/**
 * The received part of one file, across several requests. A request continues the file by Range
 * with If-Range. If the server sends the whole file again, the known bytes are skipped. The
 * caller's digest decides whether all bytes belong to the same file.
 */
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { mirrorError } from '../model/errors.ts'
import { checkEncoding, checkExtent } from './answer-checks.ts'
import type { Answer } from './connection.ts'
import { refusal } from './retries.ts'

/**
 * After this much progress, the count of failures starts again. So a connection that breaks every
 * 100 MB still delivers a file of 4 GB.
 */
const PROGRESS_BYTES = 1024 * 1024

export class PartialFile {
  readonly #path: string
  /** Undefined if the index doesn't list it. */
  readonly #size: number | undefined
  readonly #limit: number
  #received = 0
  /** The number of bytes of the current body that were received before. */
  #skip = 0
  /** Identifies the file of the first response. */
  #validator: string | undefined
  #mayResume = true
  #progressAt = 0

  constructor(path: string, { size, maxBytes }: { size?: number; maxBytes: number }) {
    this.#path = path
    this.#size = size
    this.#limit = Math.min(size ?? maxBytes, maxBytes)
  }

  /** Returns the largest number of bytes that may be missing. */
  get missing(): number {
    return this.#limit - this.#received
  }

  get #resumeAt(): number | undefined {
    return this.#mayResume && this.#received > 0 ? this.#received : undefined
  }

  /** Returns the headers of the next request. */
  headers(): Record<string, string> {
    const start = this.#resumeAt
    if (start === undefined) return {}
    return defined({ range: `bytes=${start}-`, 'if-range': this.#validator })
  }

  /** Checks the headers of a response before its body is read. @throws mirror.* */
  accept(answer: Answer, clock: Clock): void {
    const path = this.#path
    const resumeAt = this.#resumeAt
    // The file is now shorter than the received part. Start again. The digest decides.
    if (answer.status === 416) throw mirrorError('mirror.changed', { file: path })
    if (answer.status !== 200 && (answer.status !== 206 || resumeAt === undefined))
      throw refusal(answer, clock)
    checkEncoding(path, answer)
    checkExtent(path, answer, { resumeAt, size: this.#size })
    if (this.#received === 0) this.#validator = validatorOf(answer)
    this.#skip = answer.status === 200 ? this.#received : 0
  }

  /** Returns the bytes of a chunk that are new. It may be empty. @throws mirror.too-big */
  take(chunk: Uint8Array): Uint8Array {
    const fresh = chunk.subarray(Math.min(this.#skip, chunk.length))
    this.#skip -= chunk.length - fresh.length
    if (fresh.length > this.missing)
      throw mirrorError('mirror.too-big', { file: this.#path, limit: this.#limit })
    this.#received += fresh.length
    return fresh
  }

  /** Checks at the end of a body that the file is complete. @throws mirror.unreachable */
  checkComplete(url: URL): void {
    if (this.#size === undefined || this.#received === this.#size) return
    throw mirrorError('mirror.unreachable', {
      url: url.href,
      reason: `it ended after ${this.#received} of ${this.#size} bytes`,
    })
  }

  /** Records a failed request. Returns true if there was progress since the last failure. */
  recordFailure(error: unknown): boolean {
    // This server sends wrong ranges. From now on, request the whole file.
    if (mirrorError.is(error, 'mirror.changed')) this.#mayResume = false
    if (this.#received - this.#progressAt < PROGRESS_BYTES) return false
    this.#progressAt = this.#received
    return true
  }
}

/** Returns a strong ETag, else Last-Modified: the values for If-Range (RFC 9110 13.1.5). */
function validatorOf(answer: Answer): string | undefined {
  const { etag } = answer.headers
  return etag?.startsWith('"') === true ? etag : answer.headers['last-modified']
}
