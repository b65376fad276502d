/**
 * One file of a repository into the pool: streamed, hashed on the way with BLAKE3 and with the
 * repository's own checksum, and kept only if both size and checksum are what the metadata says. A
 * file that comes wrong is fetched again a few times, because one bit flips on the way more often
 * than a publisher lies.
 */
import { backoffMs } from '../../../shared/concurrency/backoff.ts'
import { blobError } from '../../../shared/blobs/errors.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { Sha256 } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { BlobRecord } from '../model/blob.ts'
import { mirrorError } from '../model/errors.ts'
import { type Checksum, checksumSink } from '../model/checksum.ts'
import { decodedHref, type Href } from '../model/href.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import type { Semaphore } from '../../../shared/concurrency/semaphore.ts'
import type { Upstream } from './upstream.ts'

/** How often a file is fetched that turns out not to be what is listed. */
const DIGEST_TRIES = 3
const DIGEST_BACKOFF = { baseMs: 500, maxMs: 5_000 }

export interface DownloadDeps {
  readonly upstream: Upstream
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  /**
   * Requests to the upstream at once. Held while bytes come, not while the pool makes them durable.
   */
  readonly semaphore: Semaphore
}

export interface WantedFile {
  readonly href: Href
  readonly checksum: Checksum
  /** Bytes, where the metadata says so. */
  readonly size?: number
  readonly maxBytes: number
}

export async function downloadFile(
  deps: DownloadDeps,
  wanted: WantedFile,
  options: { signal: AbortSignal; onEvent: OnSyncEvent },
): Promise<BlobRecord> {
  let path = wanted.href
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(deps, wanted, path, options)
    } catch (error) {
      options.signal.throwIfAborted()
      // Some publishers percent-encode in metadata what others write literally; their file lies
      // under the decoded name.
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

async function once(
  deps: DownloadDeps,
  wanted: WantedFile,
  path: Href,
  options: { signal: AbortSignal; onEvent: OnSyncEvent },
): Promise<BlobRecord> {
  const { checksum, size, maxBytes } = wanted
  const { signal, onEvent } = options
  const expect = {
    ...(size === undefined ? {} : { size }),
    ...(checksum.kind === 'sha256' ? { sha256: checksum.value as Sha256 } : {}),
  }
  const release = await deps.semaphore.acquire(signal)
  const over = new AbortController()
  const source = deps.upstream.stream(path, {
    ...(size === undefined ? {} : { size }),
    maxBytes,
    signal: AbortSignal.any([signal, over.signal]),
    onRetry: (notice) => onEvent({ type: 'retry', ...notice }),
  })
  try {
    const taken = await deps.pool.ingest(watched(begun(source), wanted, onEvent, release), {
      maxBytes: size ?? maxBytes,
      expect,
      signal,
    })
    onEvent({ type: 'fetched', file: wanted.href, bytes: taken.size })
    return { id: taken.id, sha256: taken.sha256, size: taken.size }
  } catch (error) {
    if (blobError.is(error, 'blob.mismatch')) {
      const { what, expected, got } = error.data
      throw mirrorError(
        'mirror.digest',
        { file: wanted.href, kind: String(what), expected: String(expected), got: String(got) },
        { cause: error },
      )
    }
    if (blobError.is(error, 'blob.too-large'))
      throw mirrorError(
        'mirror.too-big',
        { file: wanted.href, limit: size ?? maxBytes },
        { cause: error },
      )
    throw error
  } finally {
    release()
    // The pool may have given up before it read anything; the request that is on its way already
    // must not outlive that.
    over.abort()
    source.return(undefined).catch(() => {})
  }
}

/**
 * Asks for the first bytes at once, so that the request is on its way while the pool makes room for
 * the file.
 */
function begun(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const first = source.next()
  // If nobody comes to read, its failure is nobody's.
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
 * Reports how far the file is, gives the slot back when the last byte is there, and checks
 * checksums that the pool does not: a wrong one fails the source, so the pool keeps nothing.
 */
async function* watched(
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
