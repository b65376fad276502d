/**
 * Decides when the agent collects the host's packages: soon after a package database changed, and
 * every few minutes. Notifications report most changes at once. A comparison every few seconds
 * finds the others, such as changes in a replaced folder or on a network file system.
 */
import type { watch as fsWatch } from 'node:fs'
import type { Clock } from '../../shared/clock.ts'
import type { FactProblem } from '../../shared/facts/collection.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { Watched } from './collectors/collector.ts'
import { databaseStamp } from './stamp.ts'
import { WatchedFolder } from './watched-folder.ts'

/** A transaction writes many times. The agent collects the state after it. */
const SETTLE_MS = 1_000
/**
 * Facts are at most five seconds old (F9). That includes this interval, the pause above and a
 * collection. A comparison makes some 20 stat(2) calls.
 */
const CHECK_MS = 3_000
/** A collection without a change confirms packages that were in doubt. */
const PERIODIC_MS = 5 * 60_000

/** The reason for a collection: the agent started, a database changed, or the interval ended. */
export type CollectReason = 'start' | 'notified' | 'periodic'

export interface WatchOptions {
  /** The databases of all collectors. */
  readonly databases: readonly Watched[]
}

export interface PackageWatch {
  stop(): void
  /** Returns the problems of the watch: folders without notifications. */
  remarks(): readonly Pick<FactProblem, 'manager' | 'kind' | 'reason'>[]
}

export interface WatchDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly watch: typeof fsWatch
}

type Collect = (reason: CollectReason) => Promise<unknown>

/** Calls `collect` at the start, and after each change. */
export function watchPackages(
  deps: WatchDeps,
  options: WatchOptions,
  collect: Collect,
  signal: AbortSignal,
): PackageWatch {
  const { clock } = deps
  const paths = new Set(options.databases.map(({ folder }) => folder))
  const folders = [...paths].map((path) => new WatchedFolder(deps, path, () => schedule.soon()))
  const databases: Databases = {
    follow: async () => (await Promise.all(folders.map((each) => each.follow()))).includes(true),
    stamp: () => databaseStamp(options.databases),
  }
  const schedule = new CollectSchedule(deps, databases, collect, signal)
  const compare = comparer(databases, () => schedule.soon())
  const stops = [
    clock.every(CHECK_MS, () => void compare()),
    clock.every(PERIODIC_MS, () => void schedule.run('periodic')),
    () => schedule.stop(),
    ...folders.map((each) => () => each.close()),
  ]
  void compare().then(() => (signal.aborted ? undefined : schedule.run('start')))
  return {
    stop: () => {
      for (const stop of stops) stop()
    },
    remarks: () => folders.flatMap(remarksOf),
  }
}

function remarksOf({ failure }: WatchedFolder): ReturnType<PackageWatch['remarks']> {
  if (failure === undefined) return []
  const reason = `${failure}: the agent checks it every ${CHECK_MS / 1000} s`
  return [{ manager: '', kind: 'polling', reason }]
}

interface Databases {
  /** Watches the folders that the paths name now. Returns true if a folder was replaced. */
  follow(): Promise<boolean>
  stamp(): Promise<string>
}

/** Compares the databases with the previous call. Only one comparison runs at a time. */
function comparer({ follow, stamp }: Databases, onChange: () => void): () => Promise<void> {
  let last: string | undefined
  let isRunning = false
  return async () => {
    if (isRunning) return
    isRunning = true
    try {
      const moved = await follow()
      const current = await stamp()
      if (moved || (last !== undefined && current !== last)) onChange()
      last = current
    } finally {
      isRunning = false
    }
  }
}

/** Runs one collection at a time. If a database changed meanwhile, runs one more. */
class CollectSchedule {
  readonly #deps: WatchDeps
  readonly #databases: Databases
  readonly #collect: Collect
  readonly #signal: AbortSignal
  #isRunning = false
  #again = false
  #cancel: (() => void) | undefined
  /** The stamp of the databases before the last collection that succeeded. */
  #collected: string | undefined

  constructor(deps: WatchDeps, databases: Databases, collect: Collect, signal: AbortSignal) {
    this.#deps = deps
    this.#databases = databases
    this.#collect = collect
    this.#signal = signal
  }

  /** Collects after a pause, so that a transaction can end. */
  soon(): void {
    this.#cancel ??= this.#deps.clock.after(SETTLE_MS, () => {
      this.#cancel = undefined
      void this.run('notified')
    })
  }

  async run(reason: CollectReason): Promise<void> {
    if (this.#isRunning) {
      this.#again = true
      return
    }
    this.#isRunning = true
    try {
      await this.#collectChanged(reason)
    } catch (error) {
      if (!this.#signal.aborted) this.#deps.log.error({ error }, failureText(error))
    } finally {
      this.#isRunning = false
      if (this.#again && !this.#signal.aborted) {
        this.#again = false
        this.soon()
      }
    }
  }

  stop(): void {
    this.#cancel?.()
  }

  async #collectChanged(reason: CollectReason): Promise<void> {
    // This call is before the stamp, so that later changes cause another notification.
    await this.#databases.follow()
    const stamp = await this.#databases.stamp()
    // The notification can be about other files of the folder.
    if (reason === 'notified' && stamp === this.#collected)
      return this.#deps.log.debug({}, 'the package databases are unchanged')
    this.#collected = undefined
    await this.#collect(reason)
    this.#collected = stamp
  }
}

/** Distinguishes a failure to store the facts from a failure to read the packages. */
function failureText(error: unknown): string {
  const what = isStorageFailure(error)
    ? 'the facts could not be stored on this host'
    : 'the packages could not be read'
  return `${what}; the agent tries again after the next change or in a few minutes`
}
