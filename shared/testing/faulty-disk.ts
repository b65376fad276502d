/**
 * A pool's disk that fails on order: any single step, either before it has happened or after. The
 * faults come in pairs because a caller can't tell them apart: an error that says "failed" while
 * the step was done is as real as one where it was not.
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
  /** 0 for the first step of all, whatever its name. */
  readonly number: number
  /** The step's arguments: paths or file handles first. */
  readonly args: readonly unknown[]
}

/**
 * Called around every step; what it throws is what the pool's operation meets, and a step that
 * `before` says to freeze never happens or returns.
 */
export interface Watch {
  before?(step: Step): void | 'freeze'
  after?(step: Step): void
}

export interface WatchedDisk extends Disk {
  /** Closes what is still open, as the end of a process does. */
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
      // A process that is killed here does nothing more: to the disk it is the same.
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

/** What the operating system would throw. */
export function errnoError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}
