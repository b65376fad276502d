/**
 * Why a program was not started, in the operating system's words: recorded as the run's state, not
 * raised to the caller.
 */

import { storageError } from '../../../shared/storage/storage-error.ts'

/**
 * Messages of glibc's strerror(3) in the form that people know from their shell, with a lower first
 * letter.
 */
const MEANING = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EDQUOT: 'disk quota exceeded',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENFILE: 'too many open files in system',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'exec format error',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ETXTBSY: 'text file busy',
} as const
export type StartErrno = keyof typeof MEANING

export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** `ENOENT: no such file or directory: /no/such`. */
export function startFailure(errno: string, what: string): StartFailure {
  return new StartFailure(`${errno}: ${MEANING[errno as StartErrno] ?? 'cannot start'}: ${what}`)
}

/** The failure behind what a system call of ours threw, or undefined if it was something else. */
export function fromSystemError(error: unknown, what: string): StartFailure | undefined {
  const code = storageError.is(error)
    ? String(error.data['errno'])
    : (error as NodeJS.ErrnoException | null)?.code
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? startFailure(code, what) : undefined
}

/**
 * Reads the complaint of env(1), setpriv(1) or nice(1) when the last exec of a launch failed: they
 * end with 125 to 127 and one line, `/usr/bin/env: 'PROGRAM': Permission denied`. The line must
 * name the very program that was ordered.
 */
export function readComplaint(stderr: string, program: string): StartFailure | undefined {
  const match = /^(?:\S*\/)?(?:env|setpriv|nice): (.+): ([^:\n]+)\n$/s.exec(stderr)
  if (match === null || !(match[1] as string).includes(program)) return undefined
  return fromWords(match[2] as string, program)
}

/** The failure behind what a program of the system printed, such as `No space left on device`. */
export function fromWords(words: string, what: string): StartFailure | undefined {
  const text = words.toLowerCase()
  const errno = Object.entries(MEANING).find(([, meaning]) => meaning === text)?.[0]
  return errno === undefined ? undefined : startFailure(errno, what)
}
