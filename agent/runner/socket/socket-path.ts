/**
 * Who may reach the runner: whoever may enter its folder, which is its user alone (0700), and root.
 * Both sides look before they trust a path: a folder, link or socket that somebody else put there
 * is refused, never repaired.
 */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  type Stats,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { storageFailure } from '../../../shared/storage/storage-error.ts'
import { runnerError } from '../ground/errors.ts'

/**
 * A socket's path must fit into 108 bytes with its final NUL (unix(7)); longer ones go through the
 * folder's descriptor.
 */
const MAX_SOCKET_PATH_BYTES = 107

/**
 * Makes a folder that only we may enter, or checks that it is one; its parent must be there.
 * @throws runner.unsafe-path, storage.*
 */
export function ownFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw storageFailure(error, { what: 'the folder of the sockets', path })
  }
  const found = lstatSync(path)
  const reason = folderReason(found, [process.geteuid?.() as number])
  if (reason !== undefined) throw runnerError('runner.unsafe-path', { path, reason })
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/**
 * Before listening: removes the socket of an earlier runner of ours. Only for who holds the lock.
 * Throws runner.unsafe-path.
 */
export function clearSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  const reason = socketReason(found, [process.geteuid?.() as number])
  if (reason !== undefined) throw runnerError('runner.unsafe-path', { path, reason })
  rmSync(path)
}

/**
 * Before connecting: false if there is no socket yet. Throws runner.unsafe-path if it isn't the
 * home's owner's.
 */
export function checkSocket(path: string): boolean {
  const folder = lstatSync(dirname(path), { throwIfNoEntry: false })
  if (folder === undefined) return false
  const self = process.geteuid?.() as number
  // Root may use anybody's runner, as long as it is the runner of the home's owner.
  const owners = self === 0 ? [0, statSync(dirname(dirname(path))).uid] : [self]
  const folderFault = folderReason(folder, owners)
  if (folderFault !== undefined)
    throw runnerError('runner.unsafe-path', { path: dirname(path), reason: folderFault })
  const socket = lstatSync(path, { throwIfNoEntry: false })
  if (socket === undefined) return false
  const socketFault = socketReason(socket, owners)
  if (socketFault !== undefined)
    throw runnerError('runner.unsafe-path', { path, reason: socketFault })
  return true
}

/** A path for the same socket that the kernel takes, and what to call when it was used. */
export function shortSocketPath(path: string): { path: string; release: () => void } {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return { path, release: () => undefined }
  const folder = openSync(
    dirname(path),
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  )
  return {
    path: join('/proc/self/fd', String(folder), basename(path)),
    release: () => closeSync(folder),
  }
}

function folderReason(found: Stats, owners: readonly number[]): string | undefined {
  if (found.isSymbolicLink()) return 'it is a symbolic link'
  if (!found.isDirectory()) return 'it is not a folder'
  if (!owners.includes(found.uid))
    return `it belongs to user ${found.uid}, expected ${owners.join(' or ')}`
  if ((found.mode & 0o022) !== 0)
    return `others may write to it (mode ${(found.mode & 0o777).toString(8)})`
  return undefined
}

function socketReason(found: Stats, owners: readonly number[]): string | undefined {
  if (found.isSymbolicLink()) return 'it is a symbolic link'
  if (!found.isSocket()) return 'it is not a socket'
  if (!owners.includes(found.uid))
    return `it belongs to user ${found.uid}, expected ${owners.join(' or ')}`
  return undefined
}
