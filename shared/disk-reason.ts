/** What the operating system says about a file, in words for people. */
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
  EFBIG: 'the file system takes no file of that size',
  EIO: 'the disk has an error',
  EMFILE: 'too many files are open',
  ELOOP: 'its symbolic links lead in a circle',
  EPIPE: 'the program that read from it has ended',
  ECONNRESET: 'the program that read from it has ended',
  ENXIO: 'no program takes what is written to it',
  ETXTBSY: 'it is a program that is running',
  EBADF: 'it is not open for writing',
  EBUSY: 'it is in use',
  ENFILE: 'too many files are open on this machine',
}

/**
 * The reason in words, the system's own name for one that is rare, undefined for an error that is
 * not the system's.
 */
export function diskReason(error: unknown): string | undefined {
  // One of the class of shared/storage-error.ts: it has its reason.
  if (error instanceof MusterError)
    return error.code.startsWith('storage.') ? String(error.data['reason']) : undefined
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code
  if (!(error instanceof Error) || typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code))
    return undefined
  return REASONS[code] ?? code
}
