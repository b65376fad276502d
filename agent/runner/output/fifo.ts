/**
 * Named pipes for the output of runs. A child gets its end open for reading and writing, so a pipe
 * always has a reader: the child is never killed by SIGPIPE when the runner dies, it waits once 64
 * KiB are full, and the next runner reads on where the last one ended. (A plain file would need no
 * reader, but `echo … > /dev/stderr` in a script truncates a file, and a file has no cap.)
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, existsSync, fchownSync, openSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromWords } from '../ground/start-failure.ts'

/** Node can't make a named pipe, mkfifo(1) can: one call makes enough for this many streams. */
const BATCH = 32

export interface FifoStock {
  /** Puts a pipe at `target`, 0600. */
  take(target: string): Promise<void>
}

/**
 * Empties `folder` and keeps spare pipes there; they are moved to the run that needs them, so it
 * must be on the same file system.
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
      // Those that were made before the disk took no more.
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

/** mkfifo(1) prints a line for each pipe that failed: `mkfifo: …: No space left on device`. */
function refusedByDisk(error: unknown, folder: string): unknown {
  const reason = /: ([^:\n]+)\n/.exec(String((error as { stderr?: unknown }).stderr))?.[1]
  return (reason === undefined ? undefined : fromWords(reason, folder)) ?? error
}

/** Our end. Doesn't wait for a writer. */
export function openReader(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
}

/**
 * Opens the child's end, hands it to `use`, and closes it again here. `owner`: who may reopen it by
 * /dev/stdout.
 */
export async function withWriters<T>(
  paths: readonly string[],
  owner: { uid: number; gid: number },
  use: (fds: number[]) => Promise<T>,
): Promise<T> {
  const fds: number[] = []
  try {
    for (const path of paths) {
      const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
      fds.push(fd)
      if (process.geteuid?.() === 0) fchownSync(fd, owner.uid, owner.gid)
    }
    return await use(fds)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}
