/**
 * Represents failures of this machine's disk as one class: no space, a read-only file system, I/O
 * errors, too many open files, no permission. Only this module creates these errors, so that a
 * caller can distinguish them from a bug, a closed connection or a bad signature.
 */
import { blobError } from '../blobs/errors.ts'
import { diskReason } from '../disk-reason.ts'
import { defineErrors, type MusterError } from '../errors.ts'

interface Failed {
  /** The file's role, such as `the record of an operation`. */
  readonly what: string
  readonly path: string
  readonly action: 'read' | 'written'
  /** The operating system's reason in words. */
  readonly reason: string
  /** The errno name, such as ENOSPC. */
  readonly errno: string
  readonly [key: string]: string
}

const message = (d: Failed): string => `${d.what} cannot be ${d.action}: ${d.path}: ${d.reason}`

export const storageError = defineErrors({
  'storage.full': {
    exit: 'failed',
    retryable: true,
    message,
    hint: () => 'free some space there, then retry; no restart is needed',
  },
  'storage.read-only': {
    exit: 'failed',
    message,
    hint: () => 'mount the file system for writing; the kernel log (`dmesg`) has the reason',
  },
  'storage.failing': {
    exit: 'failed',
    message,
    hint: () => 'the disk has errors: read the kernel log (`dmesg`) and check the disk',
  },
  'storage.open-files': {
    exit: 'failed',
    retryable: true,
    message,
    hint: () => 'raise the limit of open files (`ulimit -n`, LimitNOFILE=) and restart',
  },
  'storage.denied': {
    exit: 'failed',
    message,
    hint: () => 'change the owner of the file and its folder to the user that runs this program',
  },
})
export type StorageCode = (typeof storageError.codes)[number]

/** The short texts for a list of hosts. */
const WORDS: Readonly<Record<StorageCode, string>> = {
  'storage.full': 'disk full',
  'storage.read-only': 'disk is read-only',
  'storage.failing': 'disk has errors',
  'storage.open-files': 'too many open files',
  'storage.denied': 'no permission for its files',
}

/** Formats a host's report: `disk full: /var/lib/muster`. Replaces control characters. */
export function describeStorageFailure({ code, path }: { code: string; path: string }): string {
  const words = isStorageCode(code) ? WORDS[code] : 'cannot use its files'
  return `${words}: ${path.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')}`
}

/** Returns true if the disk is full. Other failures are faults. */
export const isNoSpaceCode = (code: StorageCode): boolean => code === 'storage.full'

export function isStorageCode(code: string): code is StorageCode {
  const codes: readonly string[] = storageError.codes
  return codes.includes(code)
}

/** Returns the class of an errno. Any other error is a bug or has an error code of its area. */
const CODES: Readonly<Record<string, StorageCode>> = {
  ENOSPC: 'storage.full',
  EDQUOT: 'storage.full',
  EFBIG: 'storage.full',
  EROFS: 'storage.read-only',
  EIO: 'storage.failing',
  EMFILE: 'storage.open-files',
  ENFILE: 'storage.open-files',
  EACCES: 'storage.denied',
  EPERM: 'storage.denied',
}

/** The codes of other areas for the same failures. The pool has its own texts. */
const isOther = (error: unknown): error is MusterError =>
  blobError.is(error, 'blob.no-space', 'blob.disk', 'blob.suspect')

/** Returns our error for a failure of the disk. Returns any other error unchanged. */
export function storageFailure(
  error: unknown,
  about: { readonly what: string; readonly path: string; readonly action?: Failed['action'] },
): unknown {
  const errno = error instanceof Error && 'code' in error ? String(error.code) : ''
  const code = Object.hasOwn(CODES, errno) ? CODES[errno] : undefined
  if (code === undefined) return error
  const { what, path, action = 'written' } = about
  const reason = diskReason(error) ?? errno
  return storageError(code, { what, path, action, reason, errno }, { cause: error })
}

/** Runs the work. A failure of the disk becomes our error. */
export async function storing<T>(
  about: Parameters<typeof storageFailure>[1],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageFailure(error, about)
  }
}

/** Returns true for a failure of this machine's disk, from any area. */
export function isStorageFailure(error: unknown): error is MusterError {
  return storageError.is(error) || isOther(error)
}
