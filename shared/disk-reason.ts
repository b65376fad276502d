/** Describes operating system errors about files in words. */
import { errno } from './errno.ts'
import { MusterError } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EEXIST: 'it exists already',
  ENOTEMPTY: 'it exists and is not empty',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  ENAMETOOLONG: 'its name is too long',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file is too large for the file system',
  EIO: 'the disk has an error',
  EMFILE: 'too many files are open',
  ELOOP: 'its symbolic links form a loop',
  EPIPE: 'the program that read from it has ended',
  ECONNRESET: 'the program that read from it has ended',
  ENXIO: 'no program reads from it',
  ETXTBSY: 'it is a program that is running',
  EBADF: 'it is not open for writing',
  EBUSY: 'it is in use',
  ENFILE: 'too many files are open on this machine',
}

/**
 * Returns the reason in words, or the errno name if it is rare. Undefined for any other kind of
 * error.
 */
export function diskReason(error: unknown): string | undefined {
  // An error of shared/storage/storage-error.ts carries its reason already.
  if (error instanceof MusterError)
    return error.code.startsWith('storage.') ? String(error.data['reason']) : undefined
  const code = errno(error)
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return undefined
  return REASONS[code] ?? code
}

const PATH_CODES: ReadonlySet<unknown> = new Set([
  'EISDIR',
  'ENOTDIR',
  'ENOENT',
  'ELOOP',
  'ENAMETOOLONG',
])

/** True if the path is wrong. All other errors are failures of the machine. */
export function isPathFault(error: unknown): boolean {
  return PATH_CODES.has(errno(error))
}
