/**
 * When to look at the host's packages: soon after a package database changed, and every few minutes anyway, for databases whose changes no
 * notification reaches (network file systems, a folder that did not exist at start).
 */
import type { FSWatcher, watch as fsWatch } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { databaseFolders, databaseStamp } from './stamp.ts'

/** A transaction writes many times; the state after it counts. Facts are at most five seconds old (F9). */
const SETTLE_MS = 1_000
const ANYWAY_MS = 5 * 60_000

export interface WatchOptions {
  /** Root of the file system whose databases are watched, `/` but in tests. */
  readonly root: string
}

/** Looks once at the start. @returns a function that stops */
export function watchPackages(
  deps: { clock: Clock; log: Logger; watch: typeof fsWatch },
  options: WatchOptions,
  look: () => Promise<unknown>,
  signal: AbortSignal,
): () => void {
  // Owned by run(): at most one look at a time, and one more if something changed meanwhile.
  let running = false
  let again = false
  let cancel: (() => void) | undefined
  /** As the databases were before the last look that succeeded. */
  let seen: string | undefined

  const run = async (reason: 'notified' | 'anyway'): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      const stamp = await databaseStamp(options.root)
      // What our own reading touches is notified too: looking for that would never end.
      if (reason === 'notified' && stamp === seen)
        return deps.log.debug({}, 'the package databases are as they were')
      seen = undefined
      await look()
      seen = stamp
    } catch (error) {
      if (!signal.aborted)
        deps.log.error(
          { error },
          'the package state could not be read; the next change or minute tries again',
        )
    } finally {
      running = false
      if (again && !signal.aborted) {
        again = false
        soon()
      }
    }
  }
  const soon = (): void => {
    cancel ??= deps.clock.after(SETTLE_MS, () => {
      cancel = undefined
      void run('notified')
    })
  }

  const watchers: FSWatcher[] = []
  for (const folder of databaseFolders(options.root)) {
    try {
      watchers.push(
        deps
          .watch(folder, { persistent: false }, soon)
          .on('error', (error) => deps.log.debug({ folder, error }, 'no more notifications')),
      )
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        deps.log.debug({ folder, error }, 'no notifications')
    }
  }
  const stop = deps.clock.every(ANYWAY_MS, () => void run('anyway'))
  void run('anyway')
  return () => {
    stop()
    cancel?.()
    for (const watcher of watchers) watcher.close()
  }
}
