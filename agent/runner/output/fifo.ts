/**
 * Named pipes for the output of runs. A child opens them for reading and writing, so that a pipe
 * always has a reader. If the runner dies, the child gets no SIGPIPE, and the next runner continues
 * to read. `agent/runner/README.md` explains why they are not plain files.
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, existsSync, fchownSync, openSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Stream } from '../ground/run-state.ts'
import { fromMessage } from '../ground/start-failure.ts'

/** The number of pipes that one mkfifo(1) call creates. Node can't create named pipes. */
const BATCH = 32

export interface FifoStock {
  /** Moves a pipe to `target` and sets its mode to 0600. */
  take(target: string): Promise<void>
}

/**
 * Empties `folder` and keeps spare pipes in it. The folder must be in the file system of the runs,
 * because pipes are renamed.
 */
export async function openFifoStock(deps: { mkfifo: string }, folder: string): Promise<FifoStock> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { mode: 0o700 })
  const spares: string[] = []
  let made = 0
  let refill: Promise<void> | undefined
  const fill = async (): Promise<void> => {
    const paths = Array.from({ length: BATCH }, () => join(folder, String(made++)))
    try {
      await promisify(execFile)(deps.mkfifo, ['-m', '600', '--', ...paths], { env: {} })
    } catch (error) {
      // Some pipes were created before the disk was full. They are used.
      spares.push(...paths.filter((path) => existsSync(path)))
      if (spares.length === 0) throw refusedByDisk(error, folder)
      return
    }
    spares.push(...paths)
  }
  return {
    take: async (target) => {
      let spare = spares.pop()
      while (spare === undefined) {
        refill ??= fill().finally(() => {
          refill = undefined
        })
        await refill
        spare = spares.pop()
      }
      await rename(spare, target)
    },
  }
}

/**
 * Finds the error of the disk. mkfifo(1) prints a line for each pipe that failed: `mkfifo: …: No
 * space left on device`.
 */
function refusedByDisk(error: unknown, folder: string): unknown {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
  const reason = /: ([^:\n]+)\n/.exec(stderr)?.[1]
  return (reason === undefined ? undefined : fromMessage(reason, folder)) ?? error
}

/** Opens the reading end. It doesn't wait for a writer. */
export function openReader(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
}

/**
 * Opens the child's ends, calls `use`, and closes them again.
 * @param owner the user that may open them again through /dev/stdout
 */
export async function withWriters<T>(
  paths: Readonly<Record<Stream, string>>,
  owner: { uid: number; gid: number },
  use: (fds: Readonly<Record<Stream, number>>) => Promise<T>,
): Promise<T> {
  const fds: number[] = []
  const openWriter = (path: string): number => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
    fds.push(fd)
    if (process.geteuid?.() === 0) fchownSync(fd, owner.uid, owner.gid)
    return fd
  }
  try {
    return await use({ stdout: openWriter(paths.stdout), stderr: openWriter(paths.stderr) })
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
