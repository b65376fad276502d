/**
 * Paths that the file system returns. Node replaces bytes that aren't UTF-8, so its text of such a
 * path names another file: it is refused.
 */
import { isUtf8 } from 'node:buffer'
import { realpathSync } from 'node:fs'
import { readlink, realpath } from 'node:fs/promises'
import { defineErrors } from './errors.ts'

export const pathError = defineErrors({
  'path.not-utf8': {
    exit: 'usage',
    message: (d: { path: string }) => `${d.path} leads to a path that is not valid UTF-8`,
    hint: () => 'use a place whose path is in UTF-8',
  },
})

/** As realpath(3). The system's errors stay as they are. @throws path.not-utf8 */
export async function realPath(path: string): Promise<string> {
  return verbatim(path, await realpath(path, 'buffer'))
}

/** @throws path.not-utf8 */
export function realPathSync(path: string): string {
  // Only the native one keeps the bytes.
  return verbatim(path, realpathSync.native(path, 'buffer'))
}

/** The text of a symbolic link. @throws path.not-utf8 */
export async function linkText(path: string): Promise<string> {
  return verbatim(path, await readlink(path, 'buffer'))
}

function verbatim(path: string, found: Buffer): string {
  if (!isUtf8(found)) throw pathError('path.not-utf8', { path })
  return found.toString('utf8')
}
