/**
 * Writes an exported log into a new folder, file by file. Each name is checked against the fixed
 * layout of a bundle before it is used.
 */
import { lstat, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { diskReason, isPathFault } from '../../shared/disk-reason.ts'
import { defineErrors } from '../../shared/errors.ts'
import { syncFolder } from '../../shared/durable-file.ts'
import { isBundlePath } from '../../shared/audit/bundle-layout.ts'
import type { CommandContext } from '../program/handler.ts'
import type { Session } from '../session/session.ts'

export const exportError = defineErrors({
  'export.exists': {
    exit: 'conflict',
    message: (d: { folder: string }) => `${d.folder} exists already`,
    hint: () => 'name a new folder',
  },
  'export.target': {
    exit: 'usage',
    message: (d: { folder: string; reason: string }) =>
      `cannot create the folder ${d.folder}: ${d.reason}`,
    hint: () => 'name a new folder in an existing one',
  },
  'export.malformed': {
    exit: 'verification',
    message: (d: { reason: string }) => `the coordinator sent a malformed export: ${d.reason}`,
  },
  'export.unwritable': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) => `cannot write ${d.folder}: ${d.reason}`,
    hint: () => 'check the free space and the permissions; the export was removed',
  },
})

/** @returns the number of files */
export async function receiveBundle(
  context: CommandContext<unknown, unknown>,
  session: Session,
  to: string,
): Promise<number> {
  const folder = resolve(to)
  if (await exists(folder)) throw exportError('export.exists', { folder: to })
  // The name is random, so that it differs from the folder that a killed export left.
  const suffix = Buffer.from(context.random.bytes(4)).toString('hex')
  const part = join(dirname(folder), `.${basename(folder)}.${suffix}.part`)
  const bundle = new BundleWriter(part, to)
  await onDisk(to, mkdir(part))
  try {
    await session.ask(
      'audit.export',
      {},
      {
        onProgress: ({ path, size }) => bundle.begin(path, size),
        onData: (bytes) => bundle.append(bytes),
      },
    )
    await bundle.finishFile()
    // Crash before this: a hidden .part folder is left, and DIR does not exist.
    await onDisk(to, rename(part, folder))
    await onDisk(to, syncFolder(dirname(folder)))
    return bundle.files
  } catch (error) {
    await bundle.abort()
    await rm(part, { recursive: true, force: true })
    throw error
  }
}

/** Writes the files of a bundle in the order in which the coordinator sends them. */
class BundleWriter {
  readonly #folder: string
  /** The folder in error messages. */
  readonly #shown: string
  readonly #names = new Set<string>()
  #file: { readonly handle: FileHandle; left: number } | undefined

  constructor(folder: string, shown: string) {
    this.#folder = folder
    this.#shown = shown
  }

  get files(): number {
    return this.#names.size
  }

  async begin(path: string, size: number): Promise<void> {
    await this.finishFile()
    if (!isBundlePath(path) || this.#names.has(path))
      throw malformed(`unexpected file ${JSON.stringify(path.slice(0, 80))}`)
    this.#names.add(path)
    const target = join(this.#folder, path)
    await onDisk(this.#shown, mkdir(dirname(target), { recursive: true }))
    this.#file = { handle: await onDisk(this.#shown, open(target, 'wx')), left: size }
  }

  async append(bytes: Uint8Array): Promise<void> {
    const file = this.#file
    if (file === undefined || bytes.length > file.left)
      throw malformed('a file is longer than announced')
    await onDisk(this.#shown, file.handle.writeFile(bytes))
    file.left -= bytes.length
  }

  async finishFile(): Promise<void> {
    if (this.#file === undefined) return
    const { handle, left } = this.#file
    if (left !== 0) throw malformed(`a file is ${left} bytes short`)
    await onDisk(this.#shown, handle.sync())
    await onDisk(this.#shown, handle.close())
    this.#file = undefined
  }

  async abort(): Promise<void> {
    await this.#file?.handle.close().catch(() => undefined)
  }
}

function malformed(reason: string): Error {
  return exportError('export.malformed', { reason })
}

function onDisk<T>(folder: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => Promise.reject(unwritable(folder, error)))
}

function unwritable(folder: string, error: unknown): unknown {
  const reason = diskReason(error)
  if (reason === undefined) return error
  return isPathFault(error)
    ? exportError('export.target', { folder, reason }, { cause: error })
    : exportError('export.unwritable', { folder, reason }, { cause: error })
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )
