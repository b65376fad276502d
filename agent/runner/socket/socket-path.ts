/**
 * Checks that only the runner's user (0700) and root can reach the runner. Both sides check the
 * path before they use it. A folder, link or socket of another user is rejected and not repaired.
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
import { errno } from '../../../shared/errno.ts'
import { storageFailure } from '../../../shared/storage/storage-error.ts'
import { runnerError } from '../ground/errors.ts'

/**
 * The path of a socket has at most 108 bytes, including its final NUL (unix(7)). For a longer path,
 * the folder's descriptor is used.
 */
const MAX_SOCKET_PATH_BYTES = 107

/**
 * Creates a folder that only this user may enter, or checks an existing one. Its parent must exist.
 * @throws runner.unsafe-path, storage.*
 */
export function ownFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (errno(error) !== 'EEXIST')
      throw storageFailure(error, { what: 'the folder of the sockets', path })
  }
  const found = lstatSync(path)
  const reason = folderReason(found, [ownUid()])
  if (reason !== undefined) throw runnerError('runner.unsafe-path', { path, reason })
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/**
 * Removes the socket of an earlier runner. Call it before listening. The caller must hold the lock.
 * @throws runner.unsafe-path
 */
export function clearSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  const reason = socketReason(found, [ownUid()])
  if (reason !== undefined) throw runnerError('runner.unsafe-path', { path, reason })
  rmSync(path)
}

/**
 * Checks the socket. Call it before connecting. Returns false if there is no socket yet.
 * @throws runner.unsafe-path if it doesn't belong to the owner of the home
 */
export function checkSocket(path: string): boolean {
  const folder = lstatSync(dirname(path), { throwIfNoEntry: false })
  if (folder === undefined) return false
  const self = ownUid()
  // Root may use the runner of any home, if the socket belongs to the owner of the home.
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

/** Returns the effective user id. Node has it on every system with unix sockets. */
function ownUid(): number {
  const uid = process.geteuid?.()
  if (uid === undefined) throw new Error('this system has no user ids')
  return uid
}

/** Returns a path to the same socket that is short enough. Call `release` after its use. */
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
