/** How the runner answers each request. */
import type { Clock } from '../../../shared/clock.ts'
import { MAX_BODY_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import { RUNNER_PROTOCOL, type Request } from './requests.ts'
import type { Run } from '../runs/run.ts'
import type { RunStatus } from '../records/run-status.ts'
import { hasEnded, STREAMS } from '../ground/run-state.ts'
import type { Supervisor } from '../runs/supervisor.ts'

export interface Answer {
  readonly result: unknown
  readonly body?: Uint8Array
}

export interface AnswerDeps {
  readonly clock: Clock
  readonly supervisor: Supervisor
  /** Ends the runner once the answer is on its way. */
  readonly shutdown: () => void
}

/**
 * A client that waits longer asks again: a connection that died unnoticed is found in this time.
 */
const WAIT_MS = 30_000
/**
 * Statuses in one answer, and their characters: a status with the longest command of strange
 * characters has a hundred thousand, escaped.
 */
const LIST_PAGE = 500
const LIST_CHARS = 4 * 1024 * 1024

/** `signal` aborts when the client is gone. Throws runner errors only. */
export async function answer(
  deps: AnswerDeps,
  request: Request,
  signal: AbortSignal,
): Promise<Answer> {
  const { supervisor } = deps
  switch (request.method) {
    case 'hello':
      // The agent says at its start what its configuration wants; other callers have no say.
      if (request.keep !== undefined) supervisor.keep(request.keep)
      return { result: { protocol: RUNNER_PROTOCOL, pid: process.pid, live: supervisor.live() } }
    case 'start':
      return { result: await supervisor.start(request.order) }
    case 'status':
      return { result: supervisor.get(request.run).status() }
    case 'list': {
      const rest = supervisor.list().filter(({ id }) => id > request.after)
      const runs: RunStatus[] = []
      for (let chars = 0; runs.length < Math.min(rest.length, LIST_PAGE) && chars < LIST_CHARS; ) {
        const status = (rest[runs.length] as Run).status()
        runs.push(status)
        chars += JSON.stringify(status).length
      }
      return { result: { runs, more: rest.length > runs.length } }
    }
    case 'wait': {
      const run = supervisor.get(request.run)
      await until(deps, run, signal, () => hasEnded(run.record))
      return { result: run.status() }
    }
    case 'stop':
      return { result: await supervisor.get(request.run).stop(request) }
    case 'signal':
      await supervisor.get(request.run).signal(request.signal)
      return { result: null }
    case 'read': {
      const run = supervisor.get(request.run)
      const ended = run.isComplete()
      const { offset, bytes, dropped } = await run.output.store.read(
        request.stream,
        request.offset,
        request.max,
      )
      const size = run.output.store.count()[request.stream]
      return {
        result: { offset, dropped, size, end: ended && offset + bytes.length >= size },
        body: bytes,
      }
    }
    case 'next':
      return next(deps, supervisor.get(request.run), request, signal)
    case 'shutdown': {
      if (request.stopRuns)
        await Promise.all(
          supervisor.list().map((run) => run.stop({ signal: 'SIGTERM', graceMs: request.graceMs })),
        )
      if (supervisor.live() > 0) throw runnerError('runner.live', { live: supervisor.live() })
      deps.shutdown()
      return { result: null }
    }
    default:
      return request satisfies never
  }
}

/**
 * The next piece of output beyond the given offsets: waits for one, and says when there will be
 * none.
 */
async function next(
  deps: AnswerDeps,
  run: Run,
  after: { stdout: number; stderr: number },
  signal: AbortSignal,
): Promise<Answer> {
  const behind = () => STREAMS.filter((name) => run.output.store.count()[name] > after[name])
  let ended = false
  await until(deps, run, signal, () => {
    ended = run.isComplete()
    return ended || behind().length > 0
  })
  // The one that the reader saw less of comes first, so neither starves the other.
  const [stream] = behind().sort((a, b) => after[a] - after[b])
  if (stream === undefined) return { result: { end: ended } }
  const { offset, bytes, dropped } = await run.output.store.read(
    stream,
    after[stream],
    MAX_BODY_BYTES,
  )
  return { result: { end: false, stream, offset, dropped }, body: bytes }
}

/** Until the condition holds, the client is gone, or {@link WAIT_MS} passed. */
async function until(
  deps: AnswerDeps,
  run: Run,
  signal: AbortSignal,
  condition: () => boolean,
): Promise<void> {
  const limit = new AbortController()
  const abort = (): void => limit.abort()
  const cancel = deps.clock.after(WAIT_MS, abort)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    while (!condition() && !limit.signal.aborted) await run.changed(limit.signal)
  } finally {
    cancel()
    signal.removeEventListener('abort', abort)
  }
}
