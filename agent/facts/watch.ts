/**
 * When to look at the host's packages: soon after a package database changed, and every few minutes
 * anyway. Notifications make it fast; a comparison every few seconds makes it certain, whatever
 * happens to the folders: one that is swapped, removed, linked elsewhere or made later, a network
 * file system, no notifications left.
 */
import type { FSWatcher, watch as fsWatch } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Clock } from '../../shared/clock.ts'
import type { FactProblem } from '../../shared/facts/collection.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { Watched } from './collectors/collector.ts'
import { databaseStamp } from './stamp.ts'

/** A transaction writes many times; the state after it counts. */
const SETTLE_MS = 1_000
/**
 * Facts are at most five seconds old (F9): this, the pause above and a collection. Some 20 stats.
 */
const CHECK_MS = 3_000
/** A look that nothing asked for: it confirms what was doubted. */
const ANYWAY_MS = 5 * 60_000

/** Why there is a look: the agent started, a database changed, or the time has come. */
export type LookReason = 'start' | 'notified' | 'anyway'

export interface WatchOptions {
  /** Of all collectors. */
  readonly databases: readonly Watched[]
}

export interface PackageWatch {
  stop(): void
  /** What is odd about the watch: folders of which no notifications come. */
  remarks(): readonly Pick<FactProblem, 'manager' | 'kind' | 'reason'>[]
}

export interface WatchDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly watch: typeof fsWatch
}

/** Looks once at the start. */
export function watchPackages(
  deps: WatchDeps,
  options: WatchOptions,
  look: (reason: LookReason) => Promise<unknown>,
  signal: AbortSignal,
): PackageWatch {
  // Owned by run(): at most one look at a time, and one more if something changed meanwhile.
  let running = false
  let again = false
  let cancel: (() => void) | undefined
  /** As the databases were before the last look that succeeded. */
  let seen: string | undefined

  const follow = (): Promise<boolean[]> => Promise.all(folders.map((folder) => folder.follow()))

  const run = async (reason: LookReason): Promise<void> => {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      // Before the stamp is taken: what changes after it is notified again.
      await follow()
      const stamp = await databaseStamp(options.databases)
      // Not every change of a folder is one of its database.
      if (reason === 'notified' && stamp === seen)
        return deps.log.debug({}, 'the package databases are as they were')
      seen = undefined
      await look(reason)
      seen = stamp
    } catch (error) {
      if (!signal.aborted)
        deps.log.error({ error }, `${failureWords(error)}; the next change or minute tries again`)
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

  const folders = foldersOf(options.databases).map((folder) => watchFolder(deps, folder, soon))
  /** As the databases were when they were compared last. */
  let compared: string | undefined
  let comparing = false
  const compare = async (): Promise<void> => {
    if (comparing) return
    comparing = true
    try {
      const moved = await follow()
      const stamp = await databaseStamp(options.databases)
      if (moved.includes(true) || (compared !== undefined && stamp !== compared)) soon()
      compared = stamp
    } finally {
      comparing = false
    }
  }
  const stops = [
    deps.clock.every(CHECK_MS, () => void compare()),
    deps.clock.every(ANYWAY_MS, () => void run('anyway')),
  ]
  const start = async (): Promise<void> => {
    await compare()
    if (!signal.aborted) await run('start')
  }
  void start()
  return {
    stop: () => {
      for (const stop of stops) stop()
      cancel?.()
      for (const folder of folders) folder.close()
    },
    remarks: () =>
      folders.flatMap((folder) => {
        const reason = folder.failure()
        if (reason === undefined) return []
        return [{ manager: '', kind: 'polling', reason }]
      }),
  }
}

function foldersOf(databases: readonly Watched[]): string[] {
  return [...new Set(databases.map(({ folder }) => folder))]
}

/** A disk that is full says nothing about the package databases. */
function failureWords(error: unknown): string {
  return isStorageFailure(error)
    ? 'the facts could not be kept on this host'
    : 'the package state could not be read'
}

interface WatchedFolder {
  /** Watches the folder that the path leads to now. True if that is another one than before. */
  follow(): Promise<boolean>
  /** Why no notifications come, in words; undefined if they do or there is no such folder. */
  failure(): string | undefined
  close(): void
}

function watchFolder(deps: WatchDeps, folder: string, onChange: () => void): WatchedFolder {
  let watcher: FSWatcher | undefined
  /** Of the folder; undefined where there is none. A new folder may get an old one's inode. */
  let identity: string | undefined
  let isFirst = true
  let failure: string | undefined
  let closed = false
  const end = (): void => {
    watcher?.close()
    watcher = undefined
  }
  const fail = (error: unknown): void => {
    end()
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return
    if (failure === undefined) deps.log.warn({ folder, error }, 'no notifications of changes')
    const every = `they are looked for every ${CHECK_MS / 1000} s`
    failure = `no notifications of changes in ${folder} (${code ?? String(error)}): ${every}`
  }
  const begin = (): void => {
    try {
      watcher = deps.watch(folder, { persistent: false }, onChange).on('error', fail)
      failure = undefined
    } catch (error) {
      fail(error)
    }
  }
  return {
    async follow() {
      const found = await stat(folder, { bigint: true }).then(
        ({ dev, ino, birthtimeNs }) => `${dev} ${ino} ${birthtimeNs}`,
        () => undefined,
      )
      if (closed) return false
      const moved = found !== identity && !isFirst
      if (found !== identity) end()
      identity = found
      isFirst = false
      if (found === undefined) failure = undefined
      else if (watcher === undefined) begin()
      return moved
    },
    failure: () => failure,
    close: () => {
      closed = true
      end()
    },
  }
}
