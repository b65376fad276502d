/**
 * Fetches the packages of a plan, several at a time. One that can't be had does not stop the
 * others, so a person learns of all of them at once; an upstream that has stopped answering does,
 * so that a sync does not spend hours on hopeless tries.
 */
import { MusterError } from '../../../shared/errors.ts'
import { recordBlobs } from '../content/blobs.ts'
import type { BlobRecord } from '../model/blob.ts'
import type { Healer } from '../content/healer.ts'
import type { Database } from '../../database/database.ts'
import { type DownloadDeps, downloadFile } from '../upstream/download.ts'
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import { isRetryable } from '../upstream/failure.ts'

export interface FailedFile {
  readonly file: string
  readonly reason: string
  /** Code of the error. */
  readonly code: string
}

export interface PackageDownloads {
  readonly got: ReadonlyMap<ChecksumKey, BlobRecord>
  readonly bytes: number
  readonly failures: readonly FailedFile[]
  readonly untried: number
}

/**
 * While one file's bytes come, those of the one before it are being synced to the disk: so the line
 * is never idle for that.
 */
const WORKERS_PER_SLOT = 2
/**
 * Files in a row that fail for reasons that are not the file's, each after all its tries, after
 * which the upstream counts as gone.
 */
const GONE_AFTER = 5
/** Fetched blobs are recorded in groups of this size: what a kill makes us fetch again at most. */
const RECORD_EVERY = 16

/**
 * Silence, 5xx, 429 and `come back tomorrow` will meet the next file as well; a 400 may be about
 * this one's name.
 */
function isUpstreams(error: MusterError): boolean {
  return (
    error.exit === 'unreachable' && (!mirrorError.is(error, 'mirror.status') || isRetryable(error))
  )
}

export async function fetchPackages(
  deps: DownloadDeps & { database: Database; healer?: Healer },
  wanted: readonly ListedPackage[],
  options: {
    signal: AbortSignal
    onEvent: OnSyncEvent
    workers: number
    /** What of it the pool had once: an agent may hold it still. */
    lost?: ReadonlyMap<ChecksumKey, BlobRecord>
  },
): Promise<PackageDownloads> {
  const { signal, onEvent } = options
  // Owned by the workers below, which share one thread; nothing is read across an await and then
  // written.
  const got = new Map<ChecksumKey, BlobRecord>()
  const failed: { wanted: ListedPackage; failure: FailedFile }[] = []
  let unrecorded: BlobRecord[] = []
  let bytes = 0
  let next = 0
  let unreachableInRow = 0
  // Ends the other workers when one meets what is no fault of a single file: a full disk, a bug.
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])

  const record = async (): Promise<void> => {
    const group = unrecorded
    unrecorded = []
    await recordBlobs(deps.database.query, group, deps.clock.now())
    // Crash before this: blobs in the pool that the database does not know. The next sync fetches
    // these few again and finds them there.
  }
  const worker = async (): Promise<void> => {
    while (next < wanted.length && unreachableInRow < GONE_AFTER) {
      both.throwIfAborted()
      const file = wanted[next++] as ListedPackage
      try {
        const maxBytes = file.size
        const taken = await downloadFile(
          deps,
          { href: file.href, checksum: file.checksum, size: file.size, maxBytes },
          { signal: both, onEvent },
        )
        got.set(checksumKey(file.checksum), taken)
        bytes += taken.size
        unreachableInRow = 0
        if (unrecorded.push(taken) >= RECORD_EVERY) await record()
      } catch (error) {
        both.throwIfAborted()
        if (!(error instanceof MusterError) || !mirrorError.is(error)) throw error
        unreachableInRow = isUpstreams(error) ? unreachableInRow + 1 : 0
        const failure = { file: file.href, reason: error.message, code: error.code }
        failed.push({ wanted: file, failure })
        onEvent({ type: 'failed', file: file.href, reason: error.message })
      }
    }
  }
  const workers = Array.from(
    { length: Math.min(options.workers * WORKERS_PER_SLOT, wanted.length) },
    async () => {
      try {
        await worker()
      } catch (error) {
        stop.abort(error)
        throw error
      }
    },
  )
  const ended = await Promise.allSettled(workers)
  await record()
  signal.throwIfAborted()
  if (ended.some((each) => each.status === 'rejected')) throw stop.signal.reason
  const untried = wanted.slice(next)
  for (const [key, blob] of await healed(
    deps,
    [...failed.map((each) => each.wanted), ...untried],
    options,
  ))
    got.set(key, blob)
  const isMissing = (file: ListedPackage): boolean => !got.has(checksumKey(file.checksum))
  return {
    got,
    bytes,
    failures: failed.filter((each) => isMissing(each.wanted)).map(({ failure }) => failure),
    untried: untried.filter(isMissing).length,
  }
}

/** What agents have of files that the upstream did not deliver. */
async function healed(
  deps: { healer?: Healer },
  missing: readonly ListedPackage[],
  options: { signal: AbortSignal; lost?: ReadonlyMap<ChecksumKey, BlobRecord> },
): Promise<Map<ChecksumKey, BlobRecord>> {
  const had = new Map<ChecksumKey, BlobRecord>()
  for (const { checksum } of missing) {
    const key = checksumKey(checksum)
    const blob = options.lost?.get(key)
    if (blob !== undefined) had.set(key, blob)
  }
  if (had.size === 0 || deps.healer === undefined) return new Map()
  const ask = [...had.values()].map(({ id, size }) => ({ blob: id, size }))
  const answers = await deps.healer.heal(ask, options.signal, ['agent'])
  const back = new Set(answers.filter(({ from }) => from !== undefined).map(({ blob }) => blob))
  return new Map([...had].filter(([, { id }]) => back.has(id)))
}
