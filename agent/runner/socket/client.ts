/**
 * The agent's side of the runner's socket. The agent pulls output, so a slow reader doesn't slow
 * the runner.
 */
import { outputRefusal } from '../../../protocols/output/errors.ts'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import type { RunId } from '../../../shared/ids.ts'
import { runnerError } from '../ground/errors.ts'
import { parseOrder, type RunOrder } from '../ground/order.ts'
import { RUNNER_PROTOCOL } from './requests.ts'
import type { Stream } from '../ground/run-state.ts'
import type { RunStatus } from '../records/run-status.ts'
import { type CallerOptions, type OutputPart, RunnerCaller } from './caller.ts'
import type { ReadInfo, RunnerInfo } from './responses.ts'

export type { OutputPart, RunnerInfo }

export interface ConnectOptions extends CallerOptions {
  readonly signal?: AbortSignal
}

export interface StopOptions {
  /** Milliseconds between the signal and SIGKILL for all remaining processes. */
  readonly graceMs: number
  /** The first signal. Default: SIGTERM. */
  readonly signal?: string
}

export interface ReadResult extends ReadInfo {
  readonly bytes: Uint8Array
}

/**
 * All calls throw runner.unreachable if no runner responds and none may be started. Those with a
 * run id throw runner.unknown-run.
 */
export interface RunnerClient {
  /**
   * Starts a run, once for each run id. Resolves when its program runs or has failed to start
   * (state `failed to start`).
   * @throws runner.conflict, runner.full
   */
  start(order: RunOrder, signal?: AbortSignal): Promise<RunStatus>
  status(run: RunId, signal?: AbortSignal): Promise<RunStatus>
  /** Returns the status of a run, or undefined if the runner has no such run. */
  probe(run: RunId, signal?: AbortSignal): Promise<RunStatus | undefined>
  /** Returns the statuses in the order of the starts. */
  list(signal?: AbortSignal): Promise<RunStatus[]>
  /** Resolves when the run has ended. */
  wait(run: RunId, signal?: AbortSignal): Promise<RunStatus>
  /**
   * Resolves when no process of the run is left. If the run has ended, it stops the remaining
   * processes.
   * @throws runner.will-not-stop
   */
  stop(run: RunId, options: StopOptions, signal?: AbortSignal): Promise<RunStatus>
  /** Sends a signal to the main process. @throws runner.ended */
  signal(run: RunId, name: string, signal?: AbortSignal): Promise<void>
  /** Reads at most `max` bytes (128 KiB) from `offset` on. It doesn't wait for more. */
  read(
    run: RunId,
    stream: Stream,
    offset: number,
    max: number,
    signal?: AbortSignal,
  ): Promise<ReadResult>
  /**
   * Yields the output from the offsets on (default 0) as it arrives. It ends when the run's output
   * has ended.
   * @throws the signal's reason
   */
  follow(
    run: RunId,
    options?: { readonly offsets?: { readonly stdout?: number; readonly stderr?: number } },
    signal?: AbortSignal,
  ): AsyncIterable<OutputPart>
  info(signal?: AbortSignal): Promise<RunnerInfo>
  /** Ends the runner. @throws runner.live if runs live and `stopRuns` isn't set */
  shutdown(options?: { readonly stopRuns?: boolean; readonly graceMs?: number }): Promise<void>
}

/**
 * Connects to the runner of a home, or starts it.
 * @throws runner.unreachable, runner.unsafe-path, runner.protocol
 */
export async function connectRunner(
  deps: { clock: Clock },
  options: ConnectOptions,
): Promise<RunnerClient> {
  const caller = new RunnerCaller(deps, options)
  const { keep } = options
  const { protocol } = await caller.result(
    defined({ method: 'hello' as const, keep }),
    options.signal,
  )
  if (protocol !== RUNNER_PROTOCOL)
    throw runnerError('runner.protocol', { expected: RUNNER_PROTOCOL, got: protocol })
  return createClient(caller)
}

function createClient(caller: RunnerCaller): RunnerClient {
  return {
    start: (order, signal) => caller.result({ method: 'start', order: parseOrder(order) }, signal),
    status: (run, signal) => caller.result({ method: 'status', run }, signal),
    probe: (run, signal) => probe(caller, run, signal),
    list: (signal) => listAll(caller, signal),
    wait: (run, signal) => wait(caller, run, signal),
    stop: (run, { graceMs, signal: name = 'SIGTERM' }, signal) =>
      caller.result({ method: 'stop', run, graceMs, signal: name }, signal),
    signal: async (run, name, signal) => {
      await caller.call({ method: 'signal', run, signal: name }, signal, false)
    },
    read: async (run, stream, offset, max, signal) => {
      const { result, body } = await caller.call(
        { method: 'read', run, stream, offset, max },
        signal,
      )
      return { ...result, bytes: body }
    },
    follow: (run, { offsets } = {}, signal) =>
      caller.follow(run, { stdout: offsets?.stdout ?? 0, stderr: offsets?.stderr ?? 0 }, signal),
    info: (signal) => caller.result({ method: 'hello' }, signal),
    shutdown: async ({ stopRuns = false, graceMs = 5000 } = {}) => {
      // If no runner is running, none is started, because the call would only end it.
      const connection = await caller.connect(undefined, false).catch(() => undefined)
      await connection
        ?.request({ method: 'shutdown', stopRuns, graceMs })
        .finally(() => connection.close())
    },
  }
}

async function probe(
  caller: RunnerCaller,
  run: RunId,
  signal?: AbortSignal,
): Promise<RunStatus | undefined> {
  try {
    return await caller.result({ method: 'status', run }, signal)
  } catch (error) {
    if (outputRefusal.is(error, 'runner.unknown-run')) return undefined
    throw error
  }
}

async function listAll(caller: RunnerCaller, signal?: AbortSignal): Promise<RunStatus[]> {
  const runs: RunStatus[] = []
  for (let more = true; more; ) {
    const page = await caller.result({ method: 'list', after: runs.at(-1)?.run ?? '' }, signal)
    runs.push(...page.runs)
    more = page.more
  }
  return runs
}

async function wait(caller: RunnerCaller, run: RunId, signal?: AbortSignal): Promise<RunStatus> {
  for (;;) {
    const status = await caller.result({ method: 'wait', run }, signal)
    if (status.endedAt !== undefined) return status
  }
}
