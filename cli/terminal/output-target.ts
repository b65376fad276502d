/**
 * Finds the target of an output path: a descriptor of this process, a device or pipe, a regular
 * file, or a new file. Follows symbolic links like the kernel, so that a link is never replaced.
 */
import type { Stats } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { linkText, realPath } from '../../shared/verbatim-path.ts'

export type OutputTarget =
  /** `-`, /dev/stdout, /dev/fd/N: an open descriptor of this process. */
  | { readonly kind: 'descriptor'; readonly descriptor: number }
  /** A device, a pipe, or a file without a name. */
  | { readonly kind: 'stream'; readonly path: string; readonly stats: Stats }
  | { readonly kind: 'file'; readonly path: string; readonly stats: Stats }
  | { readonly kind: 'new'; readonly path: string }

/** The kernel's limit of symbolic links in one path. */
const MAX_LINKS = 40
const OWN_DESCRIPTORS = new RegExp(`^/proc/${process.pid}/(task/\\d+/)?fd$`)

/** The error has the system's code. @throws ENOENT, ENOTDIR, EISDIR, ELOOP, EACCES, … */
export async function findOutputTarget(to: string): Promise<OutputTarget> {
  if (to === '-') return { kind: 'descriptor', descriptor: 1 }
  // path.resolve() would resolve `link/..` to the folder that contains the link.
  let path = isAbsolute(to) ? to : `${process.cwd()}/${to}`
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const folder = await realPath(dirname(path))
    const name = basename(path)
    if (OWN_DESCRIPTORS.test(folder) && /^\d+$/.test(name))
      return { kind: 'descriptor', descriptor: Number(name) }
    const place = join(folder, name)
    const found = await lstat(place).catch(absent)
    if (found === undefined) {
      if (path.endsWith('/')) throw failure('EISDIR')
      return { kind: 'new', path: place }
    }
    if (!found.isSymbolicLink()) return existing(place, found, path)
    // A link in /proc of another process refers to an open file, not to a path.
    if (folder.startsWith('/proc/')) return existing(place, await stat(place), path, true)
    const text = await linkText(place)
    path = isAbsolute(text) ? text : `${folder}/${text}`
  }
  throw failure('ELOOP')
}

function existing(place: string, stats: Stats, asked: string, unnamed = false): OutputTarget {
  if (stats.isDirectory()) throw failure('EISDIR')
  if (asked.endsWith('/')) throw failure('ENOTDIR')
  return { kind: stats.isFile() && !unnamed ? 'file' : 'stream', path: place, stats }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function failure(code: 'EISDIR' | 'ENOTDIR' | 'ELOOP'): Error {
  return Object.assign(new Error(code), { code })
}
