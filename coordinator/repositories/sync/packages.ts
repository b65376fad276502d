/**
 * Fetches the packages of a plan, several at the same time. If one package can't be fetched, the
 * others continue, so that one sync reports all failures. If the upstream can't be reached any
 * more, all fetches stop.
 */
import { MusterError } from '../../../shared/errors.ts'
import type { Database } from '../../database/database.ts'
import { recordBlobs } from '../content/blobs.ts'
import type { Healer } from '../content/healer.ts'
import type { BlobRecord } from '../model/blob.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import { type DownloadDeps, downloadFile } from '../upstream/download.ts'
import { type FailedFile, PackageQueue } from './package-queue.ts'

export interface PackageDownloads {
  readonly got: ReadonlyMap<ChecksumKey, BlobRecord>
  readonly bytes: number
  readonly failures: readonly FailedFile[]
  readonly untried: number
}

export interface PackageDeps extends DownloadDeps {
  readonly database: Database
  readonly healer?: Healer
}

export interface PackageOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
  readonly workers: number
  /** Content that the pool had and lost. An agent may still hold it. */
  readonly lost?: ReadonlyMap<ChecksumKey, BlobRecord>
}

/**
 * The number of workers for each connection. One worker receives a file while the other one writes
 * its file to the disk, so the connection doesn't wait for the disk.
 */
const WORKERS_PER_SLOT = 2
/** Blobs are recorded in groups of this size. After a kill, one group at most is fetched again. */
const RECORD_EVERY = 16

export async function fetchPackages(
  deps: PackageDeps,
  wanted: readonly ListedPackage[],
  options: PackageOptions,
): Promise<PackageDownloads> {
  const queue = new PackageQueue(wanted)
  const recorder = createRecorder(deps)
  try {
    await runWorkers(Math.min(options.workers * WORKERS_PER_SLOT, wanted.length), {
      signal: options.signal,
      work: (signal) => fetchQueued(deps, queue, recorder, { ...options, signal }),
    })
  } finally {
    await recorder.flush()
  }
  const { failed, untried } = queue
  const missing = [...failed.map((each) => each.wanted), ...untried]
  const got = new Map([...queue.fetched, ...(await healLost(deps, missing, options))])
  const isMissing = (file: ListedPackage): boolean => !got.has(checksumKey(file.checksum))
  return {
    got,
    bytes: queue.bytes,
    failures: failed.filter((each) => isMissing(each.wanted)).map(({ failure }) => failure),
    untried: untried.filter(isMissing).length,
  }
}

/**
 * Calls `work` several times in parallel. If one call fails, for example on a full disk, the others
 * are aborted. The error is thrown after all have ended.
 */
async function runWorkers(
  count: number,
  { signal, work }: { signal: AbortSignal; work: (signal: AbortSignal) => Promise<void> },
): Promise<void> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const workers = Array.from({ length: count }, async () => {
    try {
      await work(either)
    } catch (error) {
      stop.abort(error)
    }
  })
  await Promise.all(workers)
  either.throwIfAborted()
}

/** Fetches packages of the queue until there are no more. Each worker runs it. */
async function fetchQueued(
  deps: PackageDeps,
  queue: PackageQueue,
  recorder: Recorder,
  { signal, onEvent }: PackageOptions,
): Promise<void> {
  for (let file = queue.take(); file !== undefined; file = queue.take()) {
    signal.throwIfAborted()
    const { href, checksum, size } = file
    const wanted = { href, checksum, size, maxBytes: size }
    try {
      const blob = await downloadFile(deps, wanted, { signal, onEvent })
      queue.addFetched(file, blob)
      await recorder.add(blob)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof MusterError) || !mirrorError.is(error)) throw error
      queue.addFailure(file, error)
      onEvent({ type: 'failed', file: href, reason: error.message })
    }
  }
}

/** Records fetched blobs in the database, in groups. */
interface Recorder {
  add(blob: BlobRecord): Promise<void>
  flush(): Promise<void>
}

function createRecorder({ database, clock }: PackageDeps): Recorder {
  let pending: BlobRecord[] = []
  const flush = async (): Promise<void> => {
    const group = pending
    pending = []
    // Crash here: the pool has blobs without a database row. The next sync fetches them again. The
    // pool keeps its copies.
    await recordBlobs(database.query, group, clock.now())
  }
  return {
    async add(blob) {
      if (pending.push(blob) >= RECORD_EVERY) await flush()
    },
    flush,
  }
}

/** Fetches files from agents that the upstream didn't deliver. */
async function healLost(
  deps: { readonly healer?: Healer },
  missing: readonly ListedPackage[],
  { lost, signal }: PackageOptions,
): Promise<Map<ChecksumKey, BlobRecord>> {
  const known = new Map<ChecksumKey, BlobRecord>()
  for (const { checksum } of missing) {
    const key = checksumKey(checksum)
    const blob = lost?.get(key)
    if (blob !== undefined) known.set(key, blob)
  }
  if (known.size === 0 || deps.healer === undefined) return new Map()
  const blobs = [...known.values()].map(({ id, size }) => ({ blob: id, size }))
  const results = await deps.healer.heal(blobs, signal, ['agent'])
  const healed = new Set(results.filter(({ from }) => from !== undefined).map(({ blob }) => blob))
  return new Map([...known].filter(([, { id }]) => healed.has(id)))
}
