/**
 * When to look at the host's packages: soon after a package database changed, and every few minutes anyway, for databases whose changes no
 * notification reaches (network file systems, a folder that did not exist at start).
 */
import type { FSWatcher, watch as fsWatch } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'

/** Where dpkg and rpm keep their databases. */
const FOLDERS = ['/var/lib/dpkg', '/var/lib/rpm', '/usr/lib/sysimage/rpm']
/** A transaction writes many times; the state after it counts. Facts are at most five seconds old (F9). */
const SETTLE_MS = 1_000
const ANYWAY_MS = 5 * 60_000

/** Looks once at the start. @returns a function that stops */
export function watchPackages(
  deps: { clock: Clock; log: Logger; watch: typeof fsWatch },
  look: () => Promise<unknown>,
  signal: AbortSignal,
): () => void {
  // Owned by run(): at most one look at a time, and one more if something changed meanwhile.
  let running = false
  let again = false
  let cancel: (() => void) | undefined

  const run = async (): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      await look()
    } catch (error) {
      if (!signal.aborted) deps.log.error({ error }, 'the package state could not be read; the next change or minute tries again')
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
      void run()
    })
  }

  const watchers: FSWatcher[] = []
  for (const folder of FOLDERS) {
    try {
      watchers.push(
        deps.watch(folder, { persistent: false }, soon).on('error', (error) => deps.log.debug({ folder, error }, 'no more notifications')),
      )
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') deps.log.debug({ folder, error }, 'no notifications')
    }
  }
  const stop = deps.clock.every(ANYWAY_MS, () => void run())
  void run()
  return () => {
    stop()
    cancel?.()
    for (const watcher of watchers) watcher.close()
  }
}
