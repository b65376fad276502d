/**
 * One run, from its order to its last byte. Its record on disk is always ahead of what it does:
 * written before the program exists, before the program starts, before the first signal, and before
 * anybody is told that it ended.
 */
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { syncFolder } from '../../../shared/durable-file.ts'
import type { RunId } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { Cgroups } from '../containment/cgroup.ts'
import { type Containment, sendSignal } from '../containment/containment.ts'
import { runnerError } from '../ground/errors.ts'
import type { FifoStock } from '../output/fifo.ts'
import { type Exit, LAUNCH_FAILED } from '../launch/launch.ts'
import type { RunnerLog } from '../ground/log.ts'
import { orderDigest, type RunOrder } from '../ground/order.ts'
import { isAlive, lifeMs, type ProcessStat } from '../containment/process-identity.ts'
import { saveRecord } from '../records/record-file.ts'
import { RunJournal } from '../records/run-journal.ts'
import { RunOutput } from '../output/run-output.ts'
import { type Cause, hasEnded, type RunEvent, type RunRecord } from '../ground/run-state.ts'
import { type RunStatus, shownCommand, statusOf } from '../records/run-status.ts'
import { fromSystemError, readComplaint, StartFailure } from '../ground/start-failure.ts'
import { startProgram } from '../launch/start-program.ts'
import { stopTree } from './stop.ts'
import type { SystemTools } from '../launch/system-tools.ts'

export interface RunDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: RunnerLog
  readonly tools: SystemTools
  readonly fifos: FifoStock
  readonly cgroups: Cgroups | undefined
  readonly bootId: string
}

/**
 * Between SIGTERM and SIGKILL when a run's time is up. Its limit said how long it may take; this is
 * for putting things away.
 */
const TIMEOUT_GRACE_MS = 5000
/**
 * A complaint of env(1) about an exec that failed is one line; a longer stderr is the program's
 * own.
 */
const COMPLAINT_BYTES = 8192

export class Run {
  readonly id: RunId
  readonly folder: string
  readonly output: RunOutput
  readonly #deps: RunDeps
  readonly #journal: RunJournal
  /** Resolves when the run is started, or has failed to. */
  started: Promise<void> = Promise.resolve()
  // Owned by #stop().
  #stopping: Promise<void> | undefined
  #deadline = 0
  /** Set once processes may exist. */
  #containment: Containment | undefined
  /** True from the exit of our child on; of a child that isn't ours /proc is asked. */
  #exited = false
  #ticking = false
  #cancelTimeout = (): void => undefined
  #look = (): void => undefined
  /** Its age when this runner learnt of its end, and when that was by the monotonic clock. */
  #end: { readonly ageMs: number; readonly at: number } | undefined

  constructor(deps: RunDeps, folder: string, record: RunRecord) {
    this.#deps = deps
    this.id = record.run
    this.folder = folder
    this.#journal = new RunJournal(deps, folder, record)
    this.output = new RunOutput(folder, record, {
      change: () => this.#journal.wake(),
      sign: () => this.#look(),
    })
    // An end in the future was written before the clock was set back: it counts from now.
    const ageMs = hasEnded(record) ? Math.max(0, deps.clock.now() - (record.endedAt ?? 0)) : 0
    void this.#journal.ended.then(() => {
      this.#end = { ageMs, at: deps.clock.monotonic() }
    })
  }

  /** A new run; {@link started} tells when its program is. */
  static async create(deps: RunDeps, folder: string, order: RunOrder): Promise<Run> {
    const record = newRecord(order, deps.clock.now())
    const refused = await mkdir(folder, { mode: 0o700 })
      // Crash here: a folder without a record. The next runner removes it; nothing was started.
      .then(() => syncFolder(dirname(folder)))
      .then(() => saveRecord(deps, folder, record))
      // Crash here: `starting` without a process. The next runner makes it `failed to start`: the
      // gate never opened.
      .then(
        () => undefined,
        (error: unknown) => fromSystemError(error, folder) ?? error,
      )
    const run = new Run(deps, folder, record)
    run.started = run.#start(order, refused)
    return run
  }

  get record(): RunRecord {
    return this.#journal.record
  }

  status(): RunStatus {
    const live = this.isComplete() ? this.record.output : this.output.store.count()
    return statusOf({ ...this.record, output: live }, this.isComplete())
  }

  /** It has ended, and no more output will be added. */
  isComplete(): boolean {
    return hasEnded(this.record) && this.output.ended()
  }

  /**
   * How long ago it ended; 0 while it hasn't. Only the time before this runner's start is by the
   * wall clock.
   */
  ageMs(): number {
    if (this.#end === undefined) return 0
    return this.#end.ageMs + this.#deps.clock.monotonic() - this.#end.at
  }

  /** Ended, nothing of it lives, and its pipes are closed: nothing more to look after. */
  isQuiet(): boolean {
    return this.isComplete() && this.output.closed() && this.#containment === undefined
  }

  /** Resolves when what was decided so far is on disk. */
  settled(): Promise<void> {
    return this.started.then(() => this.#journal.settled)
  }

  /** Resolves at the next change of state or output, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#journal.changed(signal)
  }

  /**
   * Resolves once nothing of the run lives. Joins a stop that is under way, which the shorter grace
   * then decides.
   */
  async stop(options: { signal: string; graceMs: number }): Promise<RunStatus> {
    await this.started
    await this.#stop('stop', options)
    return this.status()
  }

  /** To the main process alone. Throws runner.ended. */
  async signal(name: string): Promise<void> {
    await this.started
    const identity = this.record.process
    if (identity === undefined || !this.#mainLives() || !sendSignal(identity.pid, name))
      throw runnerError('runner.ended', { run: this.id, state: this.record.state })
  }

  /** Called a few times a second while the run isn't quiet: looks for what no event tells. */
  async tick(processes: () => readonly ProcessStat[]): Promise<void> {
    if (this.#ticking) return
    this.#ticking = true
    try {
      if (!hasEnded(this.record)) {
        this.#containment?.follow(processes)
        if (!this.record.supervised && !this.#mainLives()) await this.#vanished()
        // Version 1 kills one process where version 2 kills the group; the run is one thing, so the
        // rest goes too.
        else if ((this.#containment?.oomKills() ?? 0) > 0)
          await this.#stop('oom', { signal: 'SIGKILL', graceMs: 0 })
      }
      this.clear()
    } finally {
      this.#ticking = false
    }
  }

  /** Removes the control groups once the run ended and nothing lives in them. */
  clear(): void {
    if (
      hasEnded(this.record) &&
      this.#containment?.isEmpty() === true &&
      this.#containment.remove()
    )
      this.#containment = undefined
  }

  /**
   * Takes over a run that another runner started, or what is left of one that ended. Nobody can
   * wait for its exit any more.
   */
  async adopt(containment: Containment | undefined): Promise<void> {
    this.#containment = containment
    this.output.open()
    if (hasEnded(this.record)) return
    await this.#journal.commit({ type: 'orphaned' })
    const { timeoutMs } = this.record.limits
    const { process } = this.record
    // By the kernel's count of time: the wall clock may have been set meanwhile.
    if (timeoutMs !== undefined && process !== undefined)
      this.#limitTime(Math.max(0, timeoutMs - lifeMs(process, this.#deps.clock.monotonic())))
  }

  /** Ends a run that a crash or a reboot ended. Whatever is left of it is in `containment`. */
  async bury(event: RunEvent, containment: Containment | undefined): Promise<void> {
    this.#containment = containment
    this.output.open()
    await this.#journal.commit(event)
    // Not waited for: a grandchild that holds the pipes would delay every other run's recovery.
    this.#finish().catch((error: unknown) =>
      this.#deps.log('output not ended', { run: this.id, error }),
    )
  }

  async #start(order: RunOrder, refused: unknown): Promise<void> {
    try {
      if (refused !== undefined) throw refused
      const started = await startProgram(this.#deps, this.folder, order, {
        opened: () => this.output.open(),
        placed: async (containment, event, look) => {
          this.#containment = containment
          this.#look = look
          await this.#journal.commit(event)
          // Crash here: the gate reads the end of its input and ends. The next runner finds nobody:
          // `lost`, and nothing was started.
        },
        exited: (exit) =>
          void this.#exit(exit, order.command[0] as string).catch((error: unknown) =>
            this.#deps.log('exit not recorded', { run: this.id, error }),
          ),
      })
      if (order.limits.timeoutMs !== undefined && !hasEnded(this.record))
        this.#limitTime(order.limits.timeoutMs)
      if ((await started.settled) === 'ended') await this.#journal.ended
    } catch (error) {
      // Pipes and record lie in the folder: a disk that fails there is not a defect of the runner.
      const failure = error instanceof StartFailure ? error : fromSystemError(error, this.folder)
      if (failure === undefined) this.#deps.log('start failed', { run: this.id, error })
      await this.#refuse(failure?.message ?? 'EIO: input/output error: the runner itself')
    }
  }

  async #exit(exit: Exit, program: string): Promise<void> {
    this.#exited = true
    const at = this.#deps.clock.now()
    this.#cancelTimeout()
    this.output.drain()
    const failure = await this.#complaint(exit, program)
    if (failure !== undefined) {
      this.output.store.discard()
      return this.#refuse(failure.message)
    }
    const oom = (this.#containment?.oomKills() ?? 0) > 0
    const exited: RunEvent = { type: 'exited', ...exit, oom, at }
    // Nobody is left to write: one record tells both ends.
    const both = this.output.closed() || this.#containment?.isEmpty() === true
    if (both) {
      await this.#finish(exited)
    } else {
      await this.output.store.sync()
      await this.#journal.commit(exited)
    }
    if (oom)
      await this.#stop('oom', { signal: 'SIGKILL', graceMs: 0 }).catch((error: unknown) =>
        this.#deps.log('rest not ended', { run: this.id, error }),
      )
    if (!both) await this.#finish()
  }

  /** What env(1) said if it could not execute the program. */
  async #complaint(exit: Exit, program: string): Promise<StartFailure | undefined> {
    const { stdout, stderr } = this.output.store.count()
    if (
      !LAUNCH_FAILED.includes(exit.code ?? -1) ||
      stdout > 0 ||
      stderr === 0 ||
      stderr > COMPLAINT_BYTES
    )
      return undefined
    const { bytes } = await this.output.store.read('stderr', 0, COMPLAINT_BYTES)
    return readComplaint(Buffer.from(bytes).toString('utf8'), program)
  }

  async #refuse(reason: string): Promise<void> {
    this.#cancelTimeout()
    await this.#journal.commit({ type: 'refused', reason, at: this.#deps.clock.now() })
    this.output.end()
    this.output.close()
    this.clear()
  }

  async #vanished(): Promise<void> {
    this.#cancelTimeout()
    await this.#journal.commit({ type: 'vanished', at: this.#deps.clock.now() })
    await this.#finish()
  }

  /** The last step of a run: its output is complete, its record final. */
  async #finish(...events: RunEvent[]): Promise<void> {
    await this.output.finish(this.#deps, () => this.#containment?.isEmpty() ?? true)
    await this.#journal.commit(...events, { type: 'output', output: this.output.store.count() })
    this.clear()
  }

  #stop(cause: Cause, options: { signal: string; graceMs: number }): Promise<void> {
    const deadline = this.#deps.clock.monotonic() + options.graceMs
    this.#deadline = this.#stopping === undefined ? deadline : Math.min(this.#deadline, deadline)
    this.#stopping ??= this.#endAll(cause, options.signal).finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #endAll(cause: Cause, signal: string): Promise<void> {
    const containment = this.#containment
    if (containment === undefined) return
    await this.#journal.commit({ type: 'ended by us', cause })
    // Crash here: the cause stands, no signal was sent. The next runner finds it alive, and
    // whatever ends it then, it was stopped.
    const target = {
      containment,
      mainLives: () => this.#mainLives(),
      signalMain: (name: string) => {
        const pid = this.record.process?.pid
        if (pid !== undefined && this.#mainLives()) sendSignal(-pid, name)
      },
    }
    const begun = this.#deps.clock.monotonic()
    const left = await stopTree(this.#deps, target, { signal, deadline: () => this.#deadline })
    const waitedMs = Math.round(this.#deps.clock.monotonic() - begun)
    if (left > 0)
      throw runnerError('runner.will-not-stop', { run: this.id, processes: left, waitedMs })
    if (!this.record.supervised && !hasEnded(this.record)) await this.#vanished()
    await this.#journal.ended
    this.clear()
  }

  #mainLives(): boolean {
    const { process, supervised } = this.record
    // Of our own child the exit is an event: until then its pid can't be anybody else's.
    if (process === undefined || hasEnded(this.record)) return false
    return supervised ? !this.#exited : isAlive(process, this.#deps.bootId)
  }

  #limitTime(ms: number): void {
    this.#cancelTimeout = this.#deps.clock.after(ms, () => {
      this.#stop('timeout', { signal: 'SIGTERM', graceMs: TIMEOUT_GRACE_MS }).catch(
        (error: unknown) => this.#deps.log('timeout not enforced', { run: this.id, error }),
      )
    })
  }

  /** Removes everything that is kept of it. Only for quiet runs. */
  async forget(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

function newRecord(order: RunOrder, startedAt: number): RunRecord {
  return {
    format: 1,
    run: order.run,
    digest: orderDigest(order),
    command: shownCommand(order.command),
    ...(order.name === undefined ? {} : { name: order.name }),
    ...(order.user === undefined ? {} : { user: order.user }),
    limits: order.limits,
    state: 'starting',
    startedAt,
    enforcement: 'enforced',
    supervised: true,
    output: { stdout: 0, stderr: 0, dropped: 0 },
  }
}
