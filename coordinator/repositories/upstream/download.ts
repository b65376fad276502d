/**
 * Downloads one file of a repository into the pool. The pool keeps the file only if its size and
 * checksum match the index. A file with other content is fetched again a few times, because it was
 * probably damaged on the way.
 */
import { backoffMs } from '../../../shared/concurrency/backoff.ts'
import { blobError } from '../../../shared/blobs/errors.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { type Sha256, sha256Hex } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { BlobRecord } from '../model/blob.ts'
import { mirrorError } from '../model/errors.ts'
import { type Checksum, checksumSink } from '../model/checksum.ts'
import { decodedHref, type Href } from '../model/href.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import type { Semaphore } from '../../../shared/concurrency/semaphore.ts'
import type { Upstream } from './upstream.ts'

/** The number of attempts for a file whose content differs from the index. */
const DIGEST_TRIES = 3
const DIGEST_BACKOFF = { baseMs: 500, maxMs: 5_000 }

export interface DownloadDeps {
  readonly upstream: Upstream
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  /**
   * Limits the requests that run at the same time. A permit is held while bytes arrive, not while
   * the pool makes them durable.
   */
  readonly semaphore: Semaphore
}

export interface WantedFile {
  readonly href: Href
  readonly checksum: Checksum
  /** Bytes, if the index lists them. */
  readonly size?: number
  readonly maxBytes: number
}

interface DownloadOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
}

export async function downloadFile(
  deps: DownloadDeps,
  wanted: WantedFile,
  options: DownloadOptions,
): Promise<BlobRecord> {
  let path = wanted.href
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetchFile(deps, wanted, path, options)
    } catch (error) {
      options.signal.throwIfAborted()
      // Some publishers percent-encode paths in the index, although the files have decoded names.
      const decoded = mirrorError.is(error, 'mirror.missing') ? decodedHref(path) : undefined
      if (decoded !== undefined && path === wanted.href) {
        path = decoded
        continue
      }
      if (!mirrorError.is(error, 'mirror.digest') || tries >= DIGEST_TRIES) throw error
      const waitMs = backoffMs(deps, DIGEST_BACKOFF, tries - 1)
      options.onEvent({ type: 'retry', file: wanted.href, reason: error.message, waitMs })
      await deps.clock.sleep(waitMs, options.signal)
    }
  }
}

async function fetchFile(
  deps: DownloadDeps,
  wanted: WantedFile,
  path: Href,
  { signal, onEvent }: DownloadOptions,
): Promise<BlobRecord> {
  const { size, maxBytes } = wanted
  const release = await deps.semaphore.acquire(signal)
  const stop = new AbortController()
  const source = deps.upstream.stream(path, {
    ...defined({ size }),
    maxBytes,
    signal: AbortSignal.any([signal, stop.signal]),
    onRetry: (notice) => onEvent({ type: 'retry', ...notice }),
  })
  try {
    const bytes = reportProgress(startNow(source), wanted, onEvent, release)
    const taken = await deps.pool.ingest(bytes, {
      maxBytes: size ?? maxBytes,
      expect: expectedOf(wanted),
      signal,
    })
    onEvent({ type: 'fetched', file: wanted.href, bytes: taken.size })
    return { id: taken.id, sha256: taken.sha256, size: taken.size }
  } catch (error) {
    throw ingestFailure(error, wanted)
  } finally {
    release()
    // If the pool failed before it read anything, the request is still running. End it.
    stop.abort()
    source.return(undefined).catch(() => {})
  }
}

function expectedOf({ checksum, size }: WantedFile): { size?: number; sha256?: Sha256 } {
  return defined({
    size,
    sha256: checksum.kind === 'sha256' ? sha256Hex.parse(checksum.value) : undefined,
  })
}

/** Returns Muster's error for content that the pool rejects. */
function ingestFailure(error: unknown, { href, size, maxBytes }: WantedFile): unknown {
  if (blobError.is(error, 'blob.mismatch')) {
    const { what, expected, got } = error.data
    return mirrorError(
      'mirror.digest',
      { file: href, kind: String(what), expected: String(expected), got: String(got) },
      { cause: error },
    )
  }
  if (blobError.is(error, 'blob.too-large'))
    return mirrorError('mirror.too-big', { file: href, limit: size ?? maxBytes }, { cause: error })
  return error
}

/**
 * Requests the first bytes immediately. So the request is already sent while the pool makes room
 * for the file.
 */
function startNow(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const first = source.next()
  // If the pool never reads, no caller receives this error.
  first.catch(() => {})
  return (async function* () {
    try {
      const { value, done } = await first
      if (done === true) return
      yield value
      yield* source
    } finally {
      await source.return(undefined)
    }
  })()
}

/**
 * Reports the progress of a file, and releases the permit after the last byte. It also verifies the
 * checksums that the pool can't verify. A wrong one fails the source, so the pool keeps nothing.
 */
async function* reportProgress(
  source: AsyncIterable<Uint8Array>,
  wanted: WantedFile,
  onEvent: OnSyncEvent,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  const sink = wanted.checksum.kind === 'sha256' ? undefined : checksumSink(wanted.checksum.kind)
  let done = 0
  for await (const chunk of source) {
    sink?.update(chunk)
    done += chunk.length
    onEvent({ type: 'file', file: wanted.href, done, size: wanted.size ?? 0 })
    yield chunk
  }
  release()
  const got = sink?.value()
  if (got !== undefined && got !== wanted.checksum.value)
    throw mirrorError('mirror.digest', {
      file: wanted.href,
      kind: wanted.checksum.kind,
      expected: wanted.checksum.value,
      got,
    })
}
