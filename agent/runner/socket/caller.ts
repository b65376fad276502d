/**
 * Calls the runner of a home. Each call connects to the running one, or starts one. If the runner
 * ends without a response, the call is sent again. That is safe: a run id is started only once, and
 * a stop joins a running stop.
 */
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import type { RunId } from '../../../shared/ids.ts'
import { runnerError } from '../ground/errors.ts'
import { runnerPaths } from '../ground/paths.ts'
import type { Stream } from '../ground/run-state.ts'
import type { Keep } from '../records/retention.ts'
import { openConnection, type RunnerConnection } from './connection.ts'
import type { Request } from './requests.ts'
import type { NextInfo, Response, Results } from './responses.ts'
import { spawnRunner } from './spawn-runner.ts'

export interface CallerOptions {
  /** The agent's home, an absolute path. The runner's socket and runs are below it. */
  readonly home: string
  /** True to start a runner if none is running. */
  readonly spawnIfAbsent: boolean
  /** The ended runs to keep. Default: the earlier setting, or {@link DEFAULT_KEEP}. */
  readonly keep?: Keep
  /** Further arguments for a runner that is started (agent/runner/main.ts). */
  readonly runnerArguments?: readonly string[]
}

export interface OutputPart {
  readonly stream: Stream
  /** The offset of the first byte in the whole stream. */
  readonly offset: number
  readonly bytes: Uint8Array
  /** How many bytes directly before `offset` were dropped. Usually 0. */
  readonly dropped: number
}

/** How often a call is sent again. After more failures, the call itself may end the runner. */
const RETRIES = 2

export class RunnerCaller {
  readonly #clock: Clock
  readonly #options: CallerOptions
  readonly #socket: string

  constructor(deps: { readonly clock: Clock }, options: CallerOptions) {
    this.#clock = deps.clock
    this.#options = options
    this.#socket = runnerPaths(options.home).socket
  }

  async connect(
    signal?: AbortSignal,
    spawn = this.#options.spawnIfAbsent,
  ): Promise<RunnerConnection> {
    try {
      return await openConnection(this.#socket, signal)
    } catch (error) {
      if (!spawn || !runnerError.is(error, 'runner.unreachable')) throw error
      const { home, keep, runnerArguments } = this.#options
      return spawnRunner(
        { clock: this.#clock },
        defined({ home, keep, arguments: runnerArguments, signal }),
      )
    }
  }

  /** @param repeat whether the request may be sent again */
  async call<R extends Request>(
    request: R,
    signal?: AbortSignal,
    repeat = true,
  ): Promise<Response<R['method']>> {
    for (let attempt = 0; ; attempt += 1) {
      const connection = await this.connect(signal)
      try {
        return await connection.request(request, signal)
      } catch (error) {
        const isLost = runnerError.is(error, 'runner.unreachable', 'runner.closing')
        if (!isLost || !repeat || attempt >= RETRIES) throw error
      } finally {
        connection.close()
      }
    }
  }

  async result<R extends Request>(request: R, signal?: AbortSignal): Promise<Results[R['method']]> {
    return (await this.call(request, signal)).result
  }

  /** Yields the output after the offsets as it arrives. Uses one connection for many requests. */
  async *follow(
    run: RunId,
    offsets: Readonly<Record<Stream, number>>,
    signal?: AbortSignal,
  ): AsyncGenerator<OutputPart> {
    const after = { ...offsets }
    const reader = new NextReader(this)
    try {
      for (;;) {
        const { result, body } = await reader.next({ method: 'next', run, ...after }, signal)
        const part = partOf(result, body)
        if (result.end) return
        if (part === undefined) continue
        after[part.stream] = part.offset + part.bytes.length
        yield part
      }
    } finally {
      reader.close()
    }
  }
}

function partOf(
  { stream, offset = 0, dropped = 0 }: NextInfo,
  bytes: Uint8Array,
): OutputPart | undefined {
  return stream && { stream, offset, bytes, dropped }
}

/** Requests output over one connection. If the runner ends, the connection is replaced. */
class NextReader {
  readonly #caller: RunnerCaller
  #connection: RunnerConnection | undefined
  #losses = 0

  constructor(caller: RunnerCaller) {
    this.#caller = caller
  }

  async next(
    request: Request & { readonly method: 'next' },
    signal?: AbortSignal,
  ): Promise<Response<'next'>> {
    for (;;) {
      this.#connection ??= await this.#caller.connect(signal)
      try {
        const response = await this.#connection.request(request, signal)
        this.#losses = 0
        return response
      } catch (error) {
        // The next runner has the same output at the same offsets.
        if (!runnerError.is(error, 'runner.unreachable') || ++this.#losses > RETRIES) throw error
        this.close()
      }
    }
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
  }
}
