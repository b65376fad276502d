/** The result for a path of a web server: a file with its validators, a folder, or a status. */
import type { ByteRange, Validators } from './conditional.ts'

export interface ServedFile extends Validators {
  readonly kind: 'file'
  /** The size in bytes. */
  readonly size: number
  /** The value of Cache-Control. Default: `no-cache`, so caches must validate it for each use. */
  readonly cacheControl?: string
  /** Yields the bytes of a range, or all bytes. Called at most once. */
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Releases the file. Always called after the response, even if `read` was not called. */
  close?(): Promise<void>
}

/**
 * The number of entries of one listing. Each costs a stat(2) call, and longer lists don't help
 * people.
 */
export const MAX_ENTRIES = 20_000

export interface FolderEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
  /** The size of a file in bytes. */
  readonly size?: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt?: number
}

export interface ServedFolder {
  readonly kind: 'folder'
  entries(): Promise<readonly FolderEntry[]>
}

/** The status of a path that exists and can't be served now. */
export interface ServedStatus {
  readonly kind: 'status'
  readonly status: 403 | 502 | 503 | 504
  readonly message: string
  readonly retryAfterSeconds?: number
}

export type Served = ServedFile | ServedFolder | ServedStatus

/**
 * Finds the object at a path of decoded segments. Returns undefined if there is none. Segments are
 * never empty, `.` or `..`, and contain no slash.
 */
export type Resolve = (
  segments: readonly string[],
  signal: AbortSignal,
) => Promise<Served | undefined>
