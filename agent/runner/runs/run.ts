/**
 * One run, from its definition to its last byte. The runner writes the record to the disk before
 * each step: before it creates the process, starts the program, sends the first signal, or reports
 * the end of the run.
 */
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { syncFolder } from '../../../shared/durable-file.ts'
import type { RunId } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { Cgroups } from '../containment/cgroup.ts'
import { type Containment, sendSignal } from '../containment/containment.ts'
import { runnerError } from '../ground/errors.ts'
import type { FifoStock } from '../output/fifo.ts'
import { type Exit, LAUNCH_FAILED } from '../launch/launch.ts'
import type { RunnerLog } from '../ground/log.ts'
import { orderDigest, programOf, type RunOrder } from '../ground/order.ts'
import { isAlive, lifeMs, type ProcessStat } from '../containment/process-identity.ts'
import { saveRecord } from '../records/record-file.ts'
import { RunJournal } from '../records/run-journal.ts'
import { RunOutput } from '../output/run-output.ts'
import { type Cause, hasEnded, type RunEvent, type RunRecord } from '../ground/run-state.ts'
import { type RunStatus, shownCommand, statusOf } from '../records/run-status.ts'
import { fromSystemError, parseExecError, StartFailure } from '../ground/start-failure.ts'
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

/** The time between SIGTERM and SIGKILL after a timeout. The program can clean up in it. */
const TIMEOUT_GRACE_MS = 5000
/**
 * The error of env(1) after a failed exec is one line. A longer stderr is output of the program.
 */
const EXEC_ERROR_BYTES = 8192

export class Run {
  readonly id: RunId
  readonly folder: string
  readonly output: RunOutput
  readonly #deps: RunDeps
  readonly #journal: RunJournal
  /** Resolves when the run has started or failed to start. */
  started: Promise<void> = Promise.resolve()
  // Only #stop() changes these fields.
  #stopping: Promise<void> | undefined
  #deadline = 0
  /** Defined while processes may exist. */
  #containment: Containment | undefined
  /** True after the exit of the child. An adopted run is not a child, so /proc is read for it. */
  #exited = false
  #ticking = false
  #cancelTimeout = (): void => undefined
  #checkExit = (): void => undefined
  /** The run's age when this runner noticed its end, and the monotonic time of that moment. */
  #end: { readonly ageMs: number; readonly at: number } | undefined

  constructor(deps: RunDeps, folder: string, record: RunRecord) {
    this.#deps = deps
    this.id = record.run
    this.folder = folder
    this.#journal = new RunJournal(deps, folder, record)
    this.output = new RunOutput(folder, record, {
      change: () => this.#journal.wake(),
      activity: () => this.#checkExit(),
    })
    // If the end is in the future, the clock was set back. The age then counts from now.
    const ageMs = hasEnded(record) ? Math.max(0, deps.clock.now() - (record.endedAt ?? 0)) : 0
    void this.#journal.ended.then(() => {
      this.#end = { ageMs, at: deps.clock.monotonic() }
    })
  }

  /** Creates a new run. {@link started} resolves when its program has started. */
  static async create(deps: RunDeps, folder: string, order: RunOrder): Promise<Run> {
    const record = newRecord(order, deps.clock.now())
    const refused = await mkdir(folder, { mode: 0o700 })
      // Crash here: a folder without a record, which the next runner removes. Nothing was started.
      .then(() => syncFolder(dirname(folder)))
      .then(() => saveRecord(deps, folder, record))
      // Crash here: `starting` without a process. The next runner records `failed to start`,
      // because the gate was never opened.
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

  /** Returns true if the run has ended and no more output will be added. */
  isComplete(): boolean {
    return hasEnded(this.record) && this.output.ended()
  }

  /**
   * Returns the time since the end, or 0 before it. Only the part before this runner's start
   * depends on the wall clock.
   */
  ageMs(): number {
    if (this.#end === undefined) return 0
    return this.#end.ageMs + this.#deps.clock.monotonic() - this.#end.at
  }

  /** Returns true if the run has ended, no process is left, and its pipes are closed. */
  isQuiet(): boolean {
    return this.isComplete() && this.output.closed() && this.#containment === undefined
  }

  /** Resolves when the changes so far are on disk. */
  settled(): Promise<void> {
    return this.started.then(() => this.#journal.settled)
  }

  /** Resolves at the next change of state or output, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#journal.changed(signal)
  }

  /**
   * Resolves when no process of the run is left. If a stop is running, it joins that stop, and the
   * shorter grace period counts.
   */
  async stop(options: { signal: string; graceMs: number }): Promise<RunStatus> {
    await this.started
    await this.#stop('stop', options)
    return this.status()
  }

  /** Sends a signal to the main process only. @throws runner.ended */
  async signal(name: string): Promise<void> {
    await this.started
    const identity = this.record.process
    if (identity === undefined || !this.#mainLives() || !sendSignal(identity.pid, name))
      throw runnerError('runner.ended', { run: this.id, state: this.record.state })
  }

  /** Checks for changes that cause no event. Called a few times a second until the run is quiet. */
  async tick(processes: () => readonly ProcessStat[]): Promise<void> {
    if (this.#ticking) return
    this.#ticking = true
    try {
      if (!hasEnded(this.record)) {
        this.#containment?.follow(processes)
        if (!this.record.supervised && !this.#mainLives()) await this.#vanished()
        // In version 1, the kernel kills only one process of the group. The runner ends the others.
        else if ((this.#containment?.oomKills() ?? 0) > 0)
          await this.#stop('oom', { signal: 'SIGKILL', graceMs: 0 })
      }
      this.clear()
    } finally {
      this.#ticking = false
    }
  }

  /** Removes the control groups if the run has ended and they are empty. */
  clear(): void {
    if (
      hasEnded(this.record) &&
      this.#containment?.isEmpty() === true &&
      this.#containment.remove()
    )
      this.#containment = undefined
  }

  /**
   * Takes over a live run of another runner, or the remaining processes of an ended run. The exit
   * of such a run stays unknown.
   */
  async adopt(containment: Containment | undefined): Promise<void> {
    this.#containment = containment
    this.output.open()
    if (hasEnded(this.record)) return
    await this.#journal.commit({ type: 'orphaned' })
    const { timeoutMs } = this.record.limits
    const { process } = this.record
    // The time limit counts from the kernel's start time, because the wall clock may have changed.
    if (timeoutMs !== undefined && process !== undefined)
      this.#limitTime(Math.max(0, timeoutMs - lifeMs(process, this.#deps.clock.monotonic())))
  }

  /** Records the end after a crash or a reboot. `containment` has the remaining processes. */
  async bury(event: RunEvent, containment: Containment | undefined): Promise<void> {
    this.#containment = containment
    this.output.open()
    await this.#journal.commit(event)
    // This call is not awaited, because a grandchild with the pipes would delay the recovery of
    // other runs.
    this.#finish().catch((error: unknown) =>
      this.#deps.log('output not ended', { run: this.id, error }),
    )
  }

  async #start(order: RunOrder, refused: unknown): Promise<void> {
    try {
      if (refused !== undefined) throw refused
      const started = await startProgram(this.#deps, this.folder, order, {
        opened: () => this.output.open(),
        placed: async (containment, event, checkExit) => {
          this.#containment = containment
          this.#checkExit = checkExit
          await this.#journal.commit(event)
          // Crash here: the gate reads the end of its input and ends. The next runner records
          // `lost`, and nothing was started.
        },
        exited: (exit) =>
          void this.#exit(exit, programOf(order)).catch((error: unknown) =>
            this.#deps.log('exit not recorded', { run: this.id, error }),
          ),
      })
      if (order.limits.timeoutMs !== undefined && !hasEnded(this.record))
        this.#limitTime(order.limits.timeoutMs)
      if ((await started.settled) === 'ended') await this.#journal.ended
    } catch (error) {
      // Pipes and record are in the folder. An error of its disk is not a defect of the runner.
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
    const failure = await this.#execError(exit, program)
    if (failure !== undefined) {
      this.output.store.discard()
      return this.#refuse(failure.message)
    }
    const oom = (this.#containment?.oomKills() ?? 0) > 0
    const exited: RunEvent = { type: 'exited', ...exit, oom, at }
    // No process can write any more, so one record contains the end of the run and of its output.
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

  /** Returns the error of env(1) if it could not execute the program. */
  async #execError(exit: Exit, program: string): Promise<StartFailure | undefined> {
    const { stdout, stderr } = this.output.store.count()
    if (
      !LAUNCH_FAILED.includes(exit.code ?? -1) ||
      stdout > 0 ||
      stderr === 0 ||
      stderr > EXEC_ERROR_BYTES
    )
      return undefined
    const { bytes } = await this.output.store.read('stderr', 0, EXEC_ERROR_BYTES)
    return parseExecError(Buffer.from(bytes).toString('utf8'), program)
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

  /** Makes the last step of a run. After it, the output is complete and the record is final. */
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
    // Crash here: the cause is recorded and no signal was sent. The next runner adopts the run, and
    // its end counts as stopped.
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
    // The exit of a child is an event. Until then, no other process can have its pid.
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

  /** Removes the run's folder. Call it only for quiet runs. */
  async forget(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

function newRecord(order: RunOrder, startedAt: number): RunRecord {
  const { run, name, user, limits } = order
  return {
    format: 1,
    run,
    digest: orderDigest(order),
    command: shownCommand(order.command),
    ...defined({ name, user }),
    limits,
    state: 'starting',
    startedAt,
    enforcement: 'enforced',
    supervised: true,
    output: { stdout: 0, stderr: 0, dropped: 0 },
  }
}
