/**
 * The reason why a program was not started, as a text of the operating system. It is recorded in
 * the run's state and not thrown to the caller.
 */
import { errno } from '../../../shared/errno.ts'
import { storageError } from '../../../shared/storage/storage-error.ts'

/** Messages of glibc's strerror(3). Shells print them too, with a lower-case first letter. */
const MEANING: Readonly<Record<string, string>> = {
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
}

export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** Returns an error such as `ENOENT: no such file or directory: /no/such`. */
export function startFailure(code: string, what: string): StartFailure {
  return new StartFailure(`${code}: ${MEANING[code] ?? 'cannot start'}: ${what}`)
}

/** Converts an error of a system call. Returns undefined for any other error. */
export function fromSystemError(error: unknown, what: string): StartFailure | undefined {
  const code = storageError.is(error) ? String(error.data['errno']) : errno(error)
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? startFailure(code, what) : undefined
}

/**
 * Parses the error of env(1), setpriv(1) or nice(1) after a failed exec. They end with 125 to 127
 * and one line, `/usr/bin/env: 'PROGRAM': Permission denied`. The line must name the program of the
 * run.
 */
export function parseExecError(stderr: string, program: string): StartFailure | undefined {
  const [, named, words] = /^(?:\S*\/)?(?:env|setpriv|nice): (.+): ([^:\n]+)\n$/s.exec(stderr) ?? []
  if (named === undefined || words === undefined || !named.includes(program)) return undefined
  return fromMessage(words, program)
}

/** Converts a message of a system program, such as `No space left on device`. */
export function fromMessage(message: string, what: string): StartFailure | undefined {
  const text = message.toLowerCase()
  const code = Object.entries(MEANING).find(([, meaning]) => meaning === text)?.[0]
  return code === undefined ? undefined : startFailure(code, what)
}
