/**
 * Writes an exported log into a new folder, file by file as it arrives. Names are checked against
 * the fixed layout of a bundle, never joined as sent.
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
    hint: () => 'choose a folder that does not exist yet',
  },
  'export.target': {
    exit: 'usage',
    message: (d: { folder: string; reason: string }) =>
      `cannot make the folder ${d.folder}: ${d.reason}`,
    hint: () => 'name a folder that does not exist yet, in a folder that exists',
  },
  'export.malformed': {
    exit: 'verification',
    message: (d: { reason: string }) =>
      `the coordinator sent a log that is not laid out as one: ${d.reason}`,
  },
  'export.unwritable': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) =>
      `${d.folder} cannot be written: ${d.reason}`,
    hint: () => 'check space and permissions; nothing of the export was kept',
  },
})

/** @returns how many files were written */
export async function receiveBundle(
  context: CommandContext<unknown, unknown>,
  session: Session,
  to: string,
): Promise<number> {
  const folder = resolve(to)
  // A name of its own: what an export that was killed has left does not hinder the next one.
  const part = join(
    dirname(folder),
    `.${basename(folder)}.${Buffer.from(context.random.bytes(4)).toString('hex')}.part`,
  )
  let file: { handle: FileHandle; left: number } | undefined
  let files = 0
  const disk = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => Promise.reject(unwritable(to, error)))
  const finish = async (): Promise<void> => {
    if (file === undefined) return
    if (file.left !== 0)
      throw exportError('export.malformed', { reason: `a file is ${file.left} bytes short` })
    await disk(file.handle.sync())
    await disk(file.handle.close())
    file = undefined
  }
  if (await exists(folder)) throw exportError('export.exists', { folder: to })
  await disk(mkdir(part))
  try {
    const named = new Set<string>()
    await session.ask(
      'audit.export',
      {},
      {
        onProgress: async ({ path, size }) => {
          await finish()
          if (!isBundlePath(path) || named.has(path))
            throw exportError('export.malformed', {
              reason: `${JSON.stringify(path.slice(0, 80))} is no name of a bundle's file, or came before`,
            })
          named.add(path)
          await disk(mkdir(dirname(join(part, path)), { recursive: true }))
          file = { handle: await disk(open(join(part, path), 'wx')), left: size }
          files += 1
        },
        onData: async (bytes) => {
          if (file === undefined || bytes.length > file.left)
            throw exportError('export.malformed', { reason: 'a file is longer than announced' })
          await disk(file.handle.writeFile(bytes))
          file.left -= bytes.length
        },
      },
    )
    await finish()
    // Crash before this: a hidden .part folder is left, and DIR does not exist.
    await disk(rename(part, folder))
    await disk(syncFolder(dirname(folder)))
    return files
  } catch (error) {
    await file?.handle.close().catch(() => undefined)
    await rm(part, { recursive: true, force: true })
    throw error
  }
}

function unwritable(folder: string, error: unknown): unknown {
  const reason = diskReason(error)
  if (reason === undefined) return error
  const code = isPathFault(error) ? ('export.target' as const) : ('export.unwritable' as const)
  return exportError(code, { folder, reason }, { cause: error })
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )
