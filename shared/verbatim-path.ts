/**
 * Reads paths from the file system. Node replaces bytes that aren't UTF-8, and the resulting text
 * names another file. So such a path is rejected.
 */
import { isUtf8 } from 'node:buffer'
import { realpathSync } from 'node:fs'
import { readlink, realpath } from 'node:fs/promises'
import { defineErrors } from './errors.ts'

export const pathError = defineErrors({
  'path.not-utf8': {
    exit: 'usage',
    message: (d: { path: string }) => `${d.path} resolves to a path that is not valid UTF-8`,
    hint: () => 'use a path in UTF-8',
  },
})

/**
 * Resolves a path like realpath(3). Errors of the system are not converted. @throws path.not-utf8
 */
export async function realPath(path: string): Promise<string> {
  return verbatim(path, await realpath(path, 'buffer'))
}

/** @throws path.not-utf8 */
export function realPathSync(path: string): string {
  // Only the native variant keeps the bytes.
  return verbatim(path, realpathSync.native(path, 'buffer'))
}

/** Returns the text of a symbolic link. @throws path.not-utf8 */
export async function linkText(path: string): Promise<string> {
  return verbatim(path, await readlink(path, 'buffer'))
}

function verbatim(path: string, found: Buffer): string {
  if (!isUtf8(found)) throw pathError('path.not-utf8', { path })
  return found.toString('utf8')
}
