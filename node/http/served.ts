/**
 * What a path of a web server of ours stands for: a file with its validators, a folder to list, or
 * an answer without a body.
 */
import type { ByteRange, Validators } from './conditional.ts'

export interface ServedFile extends Validators {
  readonly kind: 'file'
  /** Bytes. */
  readonly size: number
  /** Value of Cache-Control. Default `no-cache`: keep, but ask each time whether it still holds. */
  readonly cacheControl?: string
  /** The bytes of a range, or all. Called at most once. */
  read(range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Always called once the answer is over, read or not. */
  close?(): Promise<void>
}

/** Entries of one listing: more help a person little, and each costs a look at the file. */
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

/** For what is known to exist and can't be had now. */
export interface ServedStatus {
  readonly kind: 'status'
  readonly status: 403 | 502 | 503 | 504
  readonly message: string
  readonly retryAfterSeconds?: number
}

export type Served = ServedFile | ServedFolder | ServedStatus

/**
 * Finds what decoded path segments stand for; undefined: nothing. Segments are never `.`, `..` or
 * empty and hold no slash.
 */
export type Resolve = (
  segments: readonly string[],
  signal: AbortSignal,
) => Promise<Served | undefined>
