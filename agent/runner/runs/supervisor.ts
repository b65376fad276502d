/**
 * All runs of one home. The supervisor starts each run once, finds the runs again after a crash,
 * and removes old ones.
 */
import { outputRefusal } from '../../../protocols/output/errors.ts'
import { join } from 'node:path'
import type { RunId } from '../../../shared/ids.ts'
import { liveRunLimit } from './capacity.ts'
import { sweepCgroups } from '../containment/cgroup.ts'
import { runnerError } from '../ground/errors.ts'
import { orderDigest, type RunOrder } from '../ground/order.ts'
import { allProcesses, type ProcessStat } from '../containment/process-identity.ts'
import { loadRecords } from '../records/record-file.ts'
import { recover } from './recovery.ts'
import { DEFAULT_KEEP, forgettable, type Keep, MAX_KNOWN } from '../records/retention.ts'
import { Run, type RunDeps } from './run.ts'
import { hasEnded } from '../ground/run-state.ts'
import type { RunStatus } from '../records/run-status.ts'

/** The interval in which the end of an adopted run, or a memory kill of version 1, is noticed. */
const TICK_MS = 250
/** The interval in which output of live runs is synced to the disk. */
const SYNC_TICKS = 4
const RETENTION_TICKS = 240

export class Supervisor {
  readonly #deps: RunDeps
  readonly #folder: string
  readonly #limit = liveRunLimit()
  readonly #runs = new Map<RunId, Run>()
  #closing = false
  #keep: Keep = DEFAULT_KEEP
  #ticks = 0
  readonly #creating = new Map<RunId, Promise<Run>>()
  readonly #stopTicking: () => void

  private constructor(deps: RunDeps, folder: string) {
    this.#deps = deps
    this.#folder = folder
    this.#stopTicking = deps.clock.every(TICK_MS, () => this.#tick())
  }

  /** Reads the records below `folder`, and recovers the runs that were live. */
  static async open(deps: RunDeps, folder: string): Promise<Supervisor> {
    const supervisor = new Supervisor(deps, folder)
    const { records, broken } = loadRecords(folder)
    for (const path of broken) deps.log('record not readable', { path })
    const runs = records.map((record) => new Run(deps, join(folder, record.run), record))
    for (const run of runs) supervisor.#runs.set(run.id, run)
    await Promise.all(runs.map((run) => recover(deps, run)))
    if (deps.cgroups !== undefined) sweepCgroups(deps.cgroups)
    return supervisor
  }

  /** Sets which ended runs are kept. */
  keep(keep: Keep): void {
    this.#keep = keep
    this.#background(this.#forget(), 'ended runs not removed')
  }

  /**
   * Starts the run. If a run with this id and the same definition was started, returns that run.
   * @throws runner.conflict, runner.full, runner.crowded, runner.closing
   */
  async start(order: RunOrder): Promise<RunStatus> {
    const known = this.#runs.get(order.run) ?? (await this.#create(order))
    if (known.record.digest !== orderDigest(order))
      throw runnerError('runner.conflict', { run: order.run })
    await known.started
    return known.status()
  }

  #create(order: RunOrder): Promise<Run> {
    const creating = this.#creating.get(order.run)
    if (creating !== undefined) return creating
    if (this.#closing) throw runnerError('runner.closing')
    const live = this.live() + this.#creating.size
    if (live >= this.#limit) throw runnerError('runner.full', { live, limit: this.#limit })
    const created = this.#makeRoom()
      .then(() => Run.create(this.#deps, join(this.#folder, order.run), order))
      .then((run) => {
        this.#runs.set(run.id, run)
        return run
      })
      .finally(() => this.#creating.delete(order.run))
    this.#creating.set(order.run, created)
    return created
  }

  /** Returns a run. @throws runner.unknown-run */
  get(run: RunId): Run {
    const found = this.#runs.get(run)
    if (found === undefined) throw outputRefusal('runner.unknown-run', { run })
    return found
  }

  /** Returns the runs in the order of their ids. For UUIDv7, that is the order of their starts. */
  list(): Run[] {
    return [...this.#runs.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Returns the runs that haven't ended. */
  live(): number {
    let live = 0
    for (const { record } of this.#runs.values()) if (!hasEnded(record)) live += 1
    return live
  }

  /** Returns true if the runner can end without an effect on any run. */
  isIdle(): boolean {
    return this.#creating.size === 0 && this.#runs.values().every((run) => run.isQuiet())
  }

  /** Rejects new runs. Live runs continue, and the next runner adopts them. */
  async close(): Promise<void> {
    this.#closing = true
    this.#stopTicking()
    await Promise.allSettled(this.#creating.values())
    await Promise.allSettled(this.list().map((run) => run.settled()))
    for (const run of this.list()) run.clear()
  }

  #tick(): void {
    this.#ticks += 1
    let listed: ProcessStat[] | undefined
    const processes = (): readonly ProcessStat[] => (listed ??= allProcesses())
    for (const run of this.#runs.values())
      if (!run.isQuiet()) {
        this.#background(run.tick(processes), 'tick failed')
        if (this.#ticks % SYNC_TICKS === 0)
          this.#background(run.output.store.sync(), 'output not synced')
      }
    if (this.#ticks % RETENTION_TICKS === 0)
      this.#background(this.#forget(), 'ended runs not removed')
  }

  #background(work: Promise<void>, failure: string): void {
    work.catch((error: unknown) => this.#deps.log(failure, { error }))
  }

  /** Removes old runs. @throws runner.crowded if too many runs ended too recently to be removed */
  async #makeRoom(): Promise<void> {
    if (this.#runs.size < MAX_KNOWN) return
    await this.#forget()
    if (this.#runs.size >= MAX_KNOWN)
      throw runnerError('runner.crowded', { known: this.#runs.size, limit: MAX_KNOWN })
  }

  async #forget(): Promise<void> {
    const ended = this.list().flatMap((run) => {
      const { output } = run.record
      const bytes = output.stdout + output.stderr - output.dropped
      return run.isQuiet() ? [{ run: run.id, ageMs: run.ageMs(), bytes }] : []
    })
    for (const id of forgettable(ended, this.#keep)) {
      const run = this.#runs.get(id)
      if (run === undefined) continue
      // Runs are removed from memory and then from the disk. Crash in between: the next start reads
      // the run, or removes the rest of its folder.
      this.#runs.delete(id)
      await run.forget()
    }
  }
}
