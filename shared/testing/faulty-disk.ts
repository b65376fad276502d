/**
 * A pool's disk that fails before or after a chosen step. Tests need both, because a caller doesn't
 * know whether a failed step changed the disk.
 */
import { type Disk, type FileHandle, systemDisk } from '../blobs/disk.ts'

export type StepName =
  | 'create'
  | 'reopen'
  | 'write'
  | 'seal'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'syncFolder'

export interface Step {
  readonly name: StepName
  /** The number of the step, starting at 0, over all names. */
  readonly number: number
  /** The step's arguments: paths or file handles first. */
  readonly args: readonly unknown[]
}

/**
 * Called before and after every step. An error that it throws is the step's failure. A step that
 * `before` freezes never executes and never returns.
 */
export interface Watch {
  before?(step: Step): void | 'freeze'
  after?(step: Step): void
}

export interface WatchedDisk extends Disk {
  /** Closes open files, as the end of a process does. */
  die(): Promise<void>
}

export function watchedDisk(watch: Watch): WatchedDisk {
  let number = 0
  const files: FileHandle[] = []
  const kept = (file: FileHandle): FileHandle => {
    files.push(file)
    return file
  }
  const wrap =
    <A extends unknown[], R>(name: StepName, run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const step = { name, number: number++, args }
      // For the disk, this is the same as a killed process.
      if (watch.before?.(step) === 'freeze') await new Promise(() => undefined)
      const result = await run(...args)
      watch.after?.(step)
      return result
    }
  return {
    create: wrap('create', async (path: string) => kept(await systemDisk.create(path))),
    reopen: wrap('reopen', async (path: string) => kept(await systemDisk.reopen(path))),
    write: wrap('write', systemDisk.write),
    openBulk: systemDisk.openBulk,
    seal: wrap('seal', systemDisk.seal),
    sync: wrap('sync', systemDisk.sync),
    rename: wrap('rename', systemDisk.rename),
    remove: wrap('remove', systemDisk.remove),
    syncFolder: wrap('syncFolder', systemDisk.syncFolder),
    die: async () => {
      for (const file of files) await file.close().catch(() => undefined)
    },
  }
}

/** Creates an error like those of the operating system. */
export function errnoError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
