/** Reads the names of operating system errors. */
import { MusterError } from './errors.ts'

/**
 * Returns the system's name of an error, such as ENOENT. Undefined for every other kind of error.
 */
export function errno(error: unknown): string | undefined {
  return error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    !(error instanceof MusterError)
    ? error.code
    : undefined
}
