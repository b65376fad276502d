/** Writes an exported log into a new folder, file by file as it arrives. Names are checked against the fixed layout of a bundle, never joined as sent. */
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { defineErrors } from '../shared/errors.ts'
import { syncFolder } from '../shared/durable-file.ts'
import { isBundlePath } from '../shared/audit/bundle-layout.ts'
import type { CommandContext } from './context.ts'
import type { Session } from './session.ts'

export const exportError = defineErrors({
  'export.exists': {
    exit: 'conflict',
    message: (d: { folder: string }) => `${d.folder} exists already`,
    hint: () => 'choose a folder that does not exist yet',
  },
  'export.malformed': {
    exit: 'verification',
    message: (d: { reason: string }) => `the coordinator sent a log that is not laid out as one: ${d.reason}`,
  },
  'export.unwritable': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) => `${d.folder} cannot be written: ${d.reason}`,
  },
})

/** @returns how many files were written */
export async function receiveBundle(context: CommandContext<unknown, unknown>, session: Session, folder: string): Promise<number> {
  const part = `${folder}.part`
  await make(folder, part)
  let file: { handle: FileHandle; left: number } | undefined
  let files = 0
  const finish = async (): Promise<void> => {
    if (file === undefined) return
    if (file.left !== 0) throw exportError('export.malformed', { reason: `a file is ${file.left} bytes short` })
    await file.handle.sync()
    await file.handle.close()
    file = undefined
  }
  try {
    await session.ask(
      'audit.export',
      {},
      {
        onProgress: async ({ path, size }) => {
          await finish()
          if (!isBundlePath(path))
            throw exportError('export.malformed', { reason: `${JSON.stringify(path.slice(0, 80))} is no name of a bundle's file` })
          await mkdir(dirname(join(part, path)), { recursive: true })
          file = { handle: await open(join(part, path), 'wx'), left: size }
          files += 1
        },
        onData: async (bytes) => {
          if (file === undefined || bytes.length > file.left)
            throw exportError('export.malformed', { reason: 'a file is longer than announced' })
          await file.handle.writeFile(bytes)
          file.left -= bytes.length
        },
      },
    )
    await finish()
    // Crash before this: DIR.part is left, and DIR does not exist.
    await rename(part, folder)
    await syncFolder(dirname(folder))
    return files
  } catch (error) {
    await file?.handle.close()
    await rm(part, { recursive: true, force: true })
    throw error
  }
}

async function make(folder: string, part: string): Promise<void> {
  try {
    await mkdir(folder)
    await rm(folder, { recursive: true })
    await mkdir(part)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw exportError('export.exists', { folder }, { cause })
    throw exportError('export.unwritable', { folder, reason: (cause as Error).message }, { cause })
  }
}
