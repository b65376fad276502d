/**
 * The packages that a sync still has to fetch, and the results so far. All workers of a sync share
 * one queue. Its methods are synchronous, so calls can't interleave.
 */
import type { MusterError } from '../../../shared/errors.ts'
import type { BlobRecord } from '../model/blob.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import { isRetryable } from '../upstream/failure.ts'

export interface FailedFile {
  readonly file: string
  readonly reason: string
  /** The code of the error. */
  readonly code: string
}

/**
 * The upstream counts as unreachable after this many consecutive failures that one file can't
 * cause. Each of them has used up its retries.
 */
const GONE_AFTER = 5

export class PackageQueue {
  readonly #wanted: readonly ListedPackage[]
  readonly #failed: { readonly wanted: ListedPackage; readonly failure: FailedFile }[] = []
  readonly #fetched = new Map<ChecksumKey, BlobRecord>()
  #next = 0
  #bytes = 0
  #unreachableInRow = 0

  constructor(wanted: readonly ListedPackage[]) {
    this.#wanted = wanted
  }

  /** Returns the next package; undefined if there is none or the upstream is unreachable. */
  take(): ListedPackage | undefined {
    if (this.#unreachableInRow >= GONE_AFTER) return undefined
    const file = this.#wanted[this.#next]
    if (file !== undefined) this.#next += 1
    return file
  }

  addFetched({ checksum }: ListedPackage, blob: BlobRecord): void {
    this.#fetched.set(checksumKey(checksum), blob)
    this.#bytes += blob.size
    this.#unreachableInRow = 0
  }

  addFailure(wanted: ListedPackage, error: MusterError): void {
    this.#unreachableInRow = isOfUpstream(error) ? this.#unreachableInRow + 1 : 0
    const failure = { file: wanted.href, reason: error.message, code: error.code }
    this.#failed.push({ wanted, failure })
  }

  get fetched(): ReadonlyMap<ChecksumKey, BlobRecord> {
    return this.#fetched
  }

  /** Bytes of the fetched packages. */
  get bytes(): number {
    return this.#bytes
  }

  get failed(): readonly { readonly wanted: ListedPackage; readonly failure: FailedFile }[] {
    return this.#failed
  }

  get untried(): readonly ListedPackage[] {
    return this.#wanted.slice(this.#next)
  }
}

/**
 * True if other files would fail in the same way: the upstream doesn't respond, is busy, or
 * responds with 5xx. A status such as 400 may concern one file only.
 */
function isOfUpstream(error: MusterError): boolean {
  if (error.exit !== 'unreachable') return false
  return !mirrorError.is(error, 'mirror.status') || isRetryable(error)
}
