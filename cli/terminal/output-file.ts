/**
 * Writes a file that the user names. It follows symbolic links, writes to devices and pipes, and
 * keeps mode, owner and hard links. A regular file changes only after the new content is complete.
 */
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, open, rename, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Clock } from '../../shared/clock.ts'
import { diskReason, isPathFault } from '../../shared/disk-reason.ts'
import { errno } from '../../shared/errno.ts'
import { syncFolder } from '../../shared/durable-file.ts'
import type { Random } from '../../shared/random.ts'
import { KIB } from '../../shared/units.ts'
import { fileError } from './file-errors.ts'
import { openRegular } from './open-regular.ts'
import { descriptorStream, openStream, type OutputStream } from './output-stream.ts'
import { findOutputTarget, type OutputTarget } from './output-target.ts'
import type { Sink } from './sink.ts'
import { writeAll } from './write-all.ts'

export interface OutputFileDeps {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly stdout: Sink
  readonly stderr: Sink
}

export type Write = (bytes: Uint8Array) => Promise<void>
/** The path as the user typed it. */
interface Named {
  readonly to: string
}
type FileTarget = Extract<OutputTarget, { kind: 'file' | 'new' }>

/** The number of attempts if another program replaces the target repeatedly. */
const MAX_ATTEMPTS = 5
/** The size of one read when a file is overwritten in place. */
const COPY_BYTES = 256 * KIB
/**
 * The errors of a rename after which a write in place may succeed: another owner, a sticky folder,
 * a mount.
 */
const NOT_RENAMED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV'])

/**
 * Writes the output of `fill` to `to`, a path or `-`. `direct` is true if the bytes are written at
 * once and can't be discarded.
 * @throws file.target, file.unwritable, file.in-part, and errors of `fill`
 */
export async function writeOutputFile<T>(
  deps: OutputFileDeps,
  to: string,
  fill: (write: Write, place: { direct: boolean }) => Promise<T>,
): Promise<T> {
  const named = { to }
  if (to === '') throw fileError('file.target', { file: '""', reason: 'expected a path' })
  const target = await disk(named, findOutputTarget(to))
  if (target.kind === 'descriptor' || target.kind === 'stream')
    return throughStream(deps, named, target, (write) => fill(write, { direct: true }))
  if (target.kind === 'file') await disk(named, access(target.path, constants.W_OK))
  const part = await disk(named, openPart(deps, target))
  try {
    const result = await fill((bytes) => disk(named, writeAll(part.handle.fd, bytes)), {
      direct: false,
    })
    await disk(named, part.handle.sync())
    // Another program may have replaced the target meanwhile.
    await place(deps, named, part, await disk(named, findOutputTarget(to)))
    return result
  } finally {
    // Crash before this: a hidden .part file is left, and the target is as it was.
    await part.handle.close().catch(() => undefined)
    await rm(part.path, { force: true }).catch(() => undefined)
  }
}

interface Part {
  readonly path: string
  readonly handle: FileHandle
  /** It is in the folder of the target, so that it can be renamed to the target. */
  readonly beside: boolean
}

/** The file that takes the content until it is complete. */
async function openPart(deps: OutputFileDeps, target: FileTarget): Promise<Part> {
  // The target's name may have the maximum length, so it is not part of this name.
  const name = `.muster-${Buffer.from(deps.random.bytes(6)).toString('hex')}.part`
  const make = async (folder: string, mode: number, beside: boolean): Promise<Part> => {
    const path = join(folder, name)
    return { path, handle: await open(path, 'wx+', mode), beside }
  }
  const folder = dirname(target.path)
  if (target.kind === 'new') return make(folder, 0o666, true)
  try {
    return await make(folder, 0o600, true)
  } catch (error) {
    if (!NOT_RENAMED.has(errno(error))) throw error
    return make(tmpdir(), 0o600, false)
  }
}

async function place(
  deps: OutputFileDeps,
  named: Named,
  part: Part,
  target: OutputTarget,
): Promise<void> {
  for (let found = target, attempt = 1; ; attempt += 1) {
    if (found.kind === 'descriptor' || found.kind === 'stream')
      return throughStream(deps, named, found, (write) => copy(part, write))
    if (part.beside && (await disk(named, replaced(part, found)))) return
    // This folder allows no new file, and the existing file was removed.
    if (found.kind === 'new') throw unwritable(named, failure('EACCES'))
    const file = await disk(named, openRegular(found.path))
    if (file !== undefined) return overwrite(named, part, found.path, file)
    if (attempt === MAX_ATTEMPTS) throw unwritable(named, failure('EBUSY'))
    // Another program replaced the target in this moment.
    found = await disk(named, findOutputTarget(named.to))
  }
}

/** Renames the part to the target. False if a rename would change more than the content. */
async function replaced(part: Part, target: FileTarget): Promise<boolean> {
  try {
    if (target.kind === 'file') {
      // The other names of the file would keep the old content.
      if (target.stats.nlink > 1) return false
      await likeBefore(part.handle, target.stats)
    }
    await rename(part.path, target.path)
  } catch (error) {
    if (target.kind === 'new' || !NOT_RENAMED.has(errno(error))) throw error
    return false
  }
  // Crash before this: the old content may be back after a power loss.
  await syncFolder(dirname(target.path))
  return true
}

/** Sets the earlier owner and mode, without the set-user-ID and set-group-ID bits. */
async function likeBefore(handle: FileHandle, before: Stats): Promise<void> {
  const { uid, gid } = await handle.stat()
  if (uid !== before.uid || gid !== before.gid) await handle.chown(before.uid, before.gid)
  await handle.chmod(before.mode & 0o777)
}

/** Overwrites a file that can't be replaced. A crash leaves it written in part. */
async function overwrite(named: Named, part: Part, path: string, file: FileHandle): Promise<void> {
  try {
    const { size } = await disk(named, part.handle.stat())
    const { blocks } = await disk(named, file.stat())
    const { bavail, bsize } = await disk(named, statfs(path))
    if (size - blocks * 512 > bavail * bsize) throw unwritable(named, failure('ENOSPC'))
    try {
      await copy(part, (bytes) => writeAll(file.fd, bytes))
      await file.truncate(size)
      await file.sync()
    } catch (error) {
      const reason = diskReason(error)
      if (reason === undefined) throw error
      throw fileError('file.in-part', { file: named.to, reason }, { cause: error })
    }
  } finally {
    await file.close().catch(() => undefined)
  }
}

async function copy(part: Part, write: Write): Promise<void> {
  const buffer = Buffer.alloc(COPY_BYTES)
  for (let at = 0; ; ) {
    const { bytesRead } = await part.handle.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) return
    await write(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}

async function throughStream<T>(
  deps: OutputFileDeps,
  named: Named,
  target: Exclude<OutputTarget, FileTarget>,
  fill: (write: Write) => Promise<T>,
): Promise<T> {
  // The sinks of stdout and stderr handle a closed reader.
  if (target.kind === 'descriptor' && target.descriptor === 1)
    return fill((bytes) => deps.stdout.write(bytes))
  if (target.kind === 'descriptor' && target.descriptor === 2)
    return fill((bytes) => deps.stderr.write(bytes))
  const stream: OutputStream = await disk(
    named,
    target.kind === 'stream'
      ? openStream(deps, target)
      : Promise.resolve().then(() => descriptorStream(deps, target.descriptor)),
  )
  try {
    const result = await fill((bytes) => disk(named, stream.write(bytes)))
    await disk(named, stream.end())
    return result
  } catch (error) {
    await stream.destroy()
    throw error
  }
}

function failure(code: 'EACCES' | 'EBUSY' | 'ENOSPC'): Error {
  return Object.assign(new Error(code), { code })
}

function disk<T>(named: Named, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => Promise.reject(unwritable(named, error)))
}

function unwritable({ to }: Named, error: unknown): unknown {
  const reason = diskReason(error)
  if (reason === undefined) return error
  const data = { file: to, reason }
  return isPathFault(error)
    ? fileError('file.target', data, { cause: error })
    : fileError('file.unwritable', data, { cause: error })
}
