/**
 * The agent's side of the runner. Every call finds the runner that is there, or starts one, so a
 * runner that died is replaced at the next call; a call that a dying runner left unanswered is sent
 * again, which the runner's own rules make safe (a run id is started once, a stop joins a stop).
 * Output is pulled: a reader that doesn't read costs the runner nothing.
 */
import { outputRefusal } from '../../../protocols/output/errors.ts'
import type { Clock } from '../../../shared/clock.ts'
import type { RunId } from '../../../shared/ids.ts'
import { type RunnerConnection, openConnection } from './connection.ts'
import { runnerError } from '../ground/errors.ts'
import { parseOrder, type RunOrder } from '../ground/order.ts'
import { runnerPaths } from '../ground/paths.ts'
import { RUNNER_PROTOCOL, type Request } from './requests.ts'
import type { Keep } from '../records/retention.ts'
import type { Stream } from '../ground/run-state.ts'
import type { RunStatus } from '../records/run-status.ts'
import { spawnRunner } from './spawn-runner.ts'

export interface ConnectOptions {
  /** The agent's home; the runner keeps its socket and its runs below it. Absolute. */
  readonly home: string
  /** Start a runner when none answers. */
  readonly spawnIfAbsent: boolean
  /**
   * Which ended runs it shall keep; without it the runner keeps what it was told before, or
   * {@link DEFAULT_KEEP}.
   */
  readonly keep?: Keep
  /** More arguments for a runner that is started (agent/runner/main.ts says which). */
  readonly runnerArguments?: readonly string[]
  readonly signal?: AbortSignal
}

export interface StopOptions {
  /** Ms between the signal and SIGKILL for everything that is left. */
  readonly graceMs: number
  /** First signal. Default SIGTERM. */
  readonly signal?: string
}

export interface OutputPart {
  readonly stream: Stream
  /** Of the first byte of `bytes` in all that the stream got. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** Bytes right before `offset` that are not kept any more. Usually 0. */
  readonly dropped: number
}

export interface ReadResult {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly dropped: number
  /** True if there is nothing after these bytes and never will be. */
  readonly end: boolean
  /** Of the stream so far. */
  readonly size: number
}

export interface RunnerInfo {
  readonly protocol: number
  readonly pid: number
  readonly live: number
}

/**
 * All calls throw runner.unreachable when no runner answers and none may be started, and
 * runner.unknown-run where they name one.
 */
export interface RunnerClient {
  /**
   * Starts a run, once for each run id; resolves when its program runs or has failed to (state
   * `failed to start`). Throws runner.conflict, runner.full.
   */
  start(order: RunOrder, signal?: AbortSignal): Promise<RunStatus>
  status(run: RunId, signal?: AbortSignal): Promise<RunStatus>
  /** What became of a run; undefined if the runner never got its order. */
  probe(run: RunId, signal?: AbortSignal): Promise<RunStatus | undefined>
  /** Ascending by start. */
  list(signal?: AbortSignal): Promise<RunStatus[]>
  /** Resolves when the run has ended. */
  wait(run: RunId, signal?: AbortSignal): Promise<RunStatus>
  /**
   * Resolves once nothing of the run lives. Of an ended run it ends what it left behind. Throws
   * runner.will-not-stop.
   */
  stop(run: RunId, options: StopOptions, signal?: AbortSignal): Promise<RunStatus>
  /** To the main process. Throws runner.ended. */
  signal(run: RunId, name: string, signal?: AbortSignal): Promise<void>
  /** At most `max` bytes (128 KiB) from `offset` on, without waiting. */
  read(
    run: RunId,
    stream: Stream,
    offset: number,
    max: number,
    signal?: AbortSignal,
  ): Promise<ReadResult>
  /**
   * Everything from the offsets on (default 0), as it comes; ends when the run's output has. Throws
   * the signal's reason.
   */
  follow(
    run: RunId,
    options?: { readonly offsets?: { readonly stdout?: number; readonly stderr?: number } },
    signal?: AbortSignal,
  ): AsyncIterable<OutputPart>
  info(signal?: AbortSignal): Promise<RunnerInfo>
  /** Ends the runner. Throws runner.live if runs live and `stopRuns` isn't set. */
  shutdown(options?: { readonly stopRuns?: boolean; readonly graceMs?: number }): Promise<void>
}

/** How often an unanswered call is sent again. Twice in a row means that the runner dies of it. */
const RETRIES = 2

/**
 * Finds the runner of a home, or starts it. Throws runner.unreachable, runner.unsafe-path,
 * runner.protocol.
 */
export async function connectRunner(
  deps: { clock: Clock },
  options: ConnectOptions,
): Promise<RunnerClient> {
  const { socket } = runnerPaths(options.home)
  const keep = options.keep === undefined ? {} : { keep: options.keep }
  const spawnOptions = {
    home: options.home,
    ...keep,
    ...(options.runnerArguments === undefined ? {} : { arguments: options.runnerArguments }),
  }

  async function connect(
    signal?: AbortSignal,
    spawn = options.spawnIfAbsent,
  ): Promise<RunnerConnection> {
    try {
      return await openConnection(socket, signal)
    } catch (error) {
      if (!spawn || !runnerError.is(error, 'runner.unreachable')) throw error
      return spawnRunner(deps, { ...spawnOptions, ...(signal === undefined ? {} : { signal }) })
    }
  }

  /** `again`: whether the request may be sent twice. */
  async function call<T>(
    request: Request,
    signal?: AbortSignal,
    again = true,
  ): Promise<{ result: T; body: Uint8Array }> {
    for (let attempt = 0; ; attempt += 1) {
      const connection = await connect(signal)
      try {
        return (await connection.request(request, signal)) as { result: T; body: Uint8Array }
      } catch (error) {
        const lost =
          runnerError.is(error, 'runner.unreachable') || runnerError.is(error, 'runner.closing')
        if (!lost || !again || attempt >= RETRIES) throw error
      } finally {
        connection.close()
      }
    }
  }
  const of = async <T>(request: Request, signal?: AbortSignal): Promise<T> =>
    (await call<T>(request, signal)).result

  const client: RunnerClient = {
    start: (order, signal) => of({ method: 'start', order: parseOrder(order) }, signal),
    status: (run, signal) => of({ method: 'status', run }, signal),
    probe: (run, signal) =>
      client.status(run, signal).catch((error: unknown) => {
        if (outputRefusal.is(error, 'runner.unknown-run')) return undefined
        throw error
      }),
    list: async (signal) => {
      const runs: RunStatus[] = []
      for (let more = true; more; ) {
        const page = await of<{ runs: RunStatus[]; more: boolean }>(
          { method: 'list', after: runs.at(-1)?.run ?? '' },
          signal,
        )
        runs.push(...page.runs)
        more = page.more
      }
      return runs
    },
    wait: async (run, signal) => {
      for (;;) {
        const status = await of<RunStatus>({ method: 'wait', run }, signal)
        if (status.endedAt !== undefined) return status
      }
    },
    stop: (run, { graceMs, signal: name = 'SIGTERM' }, signal) =>
      of({ method: 'stop', run, graceMs, signal: name }, signal),
    signal: async (run, name, signal) =>
      void (await call({ method: 'signal', run, signal: name }, signal, false)),
    read: async (run, stream, offset, max, signal) => {
      const { result, body } = await call<Omit<ReadResult, 'bytes'>>(
        { method: 'read', run, stream, offset, max },
        signal,
      )
      return { ...result, bytes: body }
    },
    follow: (run, { offsets } = {}, signal) =>
      follow(connect, run, { stdout: offsets?.stdout ?? 0, stderr: offsets?.stderr ?? 0 }, signal),
    info: (signal) => of({ method: 'hello' }, signal),
    shutdown: async ({ stopRuns = false, graceMs = 5000 } = {}) => {
      // A runner that isn't there needs no end: none is started for this.
      const connection = await connect(undefined, false).catch(() => undefined)
      await connection
        ?.request({ method: 'shutdown', stopRuns, graceMs })
        .finally(() => connection.close())
    },
  }
  const { protocol } = await of<RunnerInfo>({ method: 'hello', ...keep }, options.signal)
  if (protocol !== RUNNER_PROTOCOL)
    throw runnerError('runner.protocol', { expected: RUNNER_PROTOCOL, got: protocol })
  return client
}

interface NextResult {
  readonly end: boolean
  readonly stream?: Stream
  readonly offset?: number
  readonly dropped?: number
}

async function* follow(
  connect: (signal?: AbortSignal) => Promise<RunnerConnection>,
  run: RunId,
  after: Record<Stream, number>,
  signal?: AbortSignal,
): AsyncGenerator<OutputPart> {
  let connection: RunnerConnection | undefined
  let losses = 0
  try {
    for (;;) {
      connection ??= await connect(signal)
      let answer: { result: unknown; body: Uint8Array }
      try {
        answer = await connection.request({ method: 'next', run, ...after }, signal)
        losses = 0
      } catch (error) {
        // The next runner has the same output under the same offsets.
        if (!runnerError.is(error, 'runner.unreachable') || ++losses > RETRIES) throw error
        connection.close()
        connection = undefined
        continue
      }
      const { end, stream, offset = 0, dropped = 0 } = answer.result as NextResult
      if (end) return
      if (stream === undefined) continue
      after[stream] = offset + answer.body.length
      yield { stream, offset, bytes: answer.body, dropped }
    }
  } finally {
    connection?.close()
  }
}
