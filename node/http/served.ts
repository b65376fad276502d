/** What a path of a web server names: a file with its validators, a folder, or a status. */
import type { ByteRange, Validators } from './conditional.ts'

export interface ServedFile extends Validators {
  readonly kind: 'file'
  /** Bytes. */
  readonly size: number
  /** Value of Cache-Control. Default `no-cache`: caches must validate it for each use. */
  readonly cacheControl?: string
  /** The bytes of a range, or all bytes. Called at most once. */
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Always called after the response, whether or not `read` was called. */
  close?(): Promise<void>
}

/** Entries of one listing. Each costs a stat call, and longer lists don't help people. */
export const MAX_ENTRIES = 20_000

export interface FolderEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
  /** Bytes, of a file. */
  readonly size?: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt?: number
}

export interface ServedFolder {
  readonly kind: 'folder'
  entries(): Promise<readonly FolderEntry[]>
}

/** For a path that exists and can't be served now. */
export interface ServedStatus {
  readonly kind: 'status'
  readonly status: 403 | 502 | 503 | 504
  readonly message: string
  readonly retryAfterSeconds?: number
}

export type Served = ServedFile | ServedFolder | ServedStatus

/**
 * Finds what decoded path segments name. Undefined: nothing. Segments are never empty, `.` or `..`,
 * and contain no slash.
 */
export type Resolve = (
  segments: readonly string[],
  signal: AbortSignal,
) => Promise<Served | undefined>
