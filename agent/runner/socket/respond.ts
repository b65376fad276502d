/** Computes the runner's response to each request. */
import type { Clock } from '../../../shared/clock.ts'
import { MAX_BODY_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import { RUNNER_PROTOCOL, type Request } from './requests.ts'
import type { Method, Results } from './responses.ts'
import type { Run } from '../runs/run.ts'
import type { RunStatus } from '../records/run-status.ts'
import { hasEnded, STREAMS } from '../ground/run-state.ts'
import type { Supervisor } from '../runs/supervisor.ts'

export interface Reply<M extends Method> {
  readonly result: Results[M]
  readonly body?: Uint8Array
}

export interface RespondDeps {
  readonly clock: Clock
  readonly supervisor: Supervisor
  /** Ends the runner after the response is written. */
  readonly shutdown: () => void
}

/**
 * The time after which a waiting client must ask again. A dead connection is noticed in this time.
 */
const WAIT_MS = 30_000
/** The maximum number of runs in one response. */
const LIST_PAGE = 500
/**
 * The maximum number of characters in one response. A status with a long escaped command has a
 * hundred thousand.
 */
const LIST_CHARS = 4 * 1024 * 1024

/**
 * Responds to one request. `signal` aborts when the client disconnects. Throws only runner errors.
 */
export async function respondTo(
  deps: RespondDeps,
  request: Request,
  signal: AbortSignal,
): Promise<Reply<Method>> {
  const { supervisor } = deps
  switch (request.method) {
    case 'hello':
      // The agent sends the settings of its configuration when it starts. Other callers send none.
      if (request.keep !== undefined) supervisor.keep(request.keep)
      return { result: { protocol: RUNNER_PROTOCOL, pid: process.pid, live: supervisor.live() } }
    case 'start':
      return { result: await supervisor.start(request.order) }
    case 'status':
      return { result: supervisor.get(request.run).status() }
    case 'list':
      return { result: listAfter(supervisor, request.after) }
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
    case 'read':
      return read(supervisor.get(request.run), request)
    case 'next':
      return next(deps, supervisor.get(request.run), request, signal)
    case 'shutdown':
      return shutdown(deps, request)
    default:
      return request satisfies never
  }
}

function listAfter(supervisor: Supervisor, after: string): Results['list'] {
  const runs: RunStatus[] = []
  let chars = 0
  for (const run of supervisor.list()) {
    if (run.id <= after) continue
    if (runs.length === LIST_PAGE || chars >= LIST_CHARS) return { runs, more: true }
    const status = run.status()
    runs.push(status)
    chars += JSON.stringify(status).length
  }
  return { runs, more: false }
}

async function read(
  run: Run,
  request: Request & { readonly method: 'read' },
): Promise<Reply<'read'>> {
  const { store } = run.output
  const isComplete = run.isComplete()
  const { offset, bytes, dropped } = await store.read(request.stream, request.offset, request.max)
  const size = store.count()[request.stream]
  const end = isComplete && offset + bytes.length >= size
  return { result: { offset, dropped, size, end }, body: bytes }
}

async function shutdown(
  { supervisor, shutdown: end }: RespondDeps,
  { stopRuns, graceMs }: Request & { readonly method: 'shutdown' },
): Promise<Reply<'shutdown'>> {
  if (stopRuns)
    await Promise.all(supervisor.list().map((run) => run.stop({ signal: 'SIGTERM', graceMs })))
  const live = supervisor.live()
  if (live > 0) throw runnerError('runner.live', { live })
  end()
  return { result: null }
}

/** Waits for output after the offsets and returns it. Also reports the end of the output. */
async function next(
  deps: RespondDeps,
  run: Run,
  after: { stdout: number; stderr: number },
  signal: AbortSignal,
): Promise<Reply<'next'>> {
  const behind = () => STREAMS.filter((name) => run.output.store.count()[name] > after[name])
  let ended = false
  await until(deps, run, signal, () => {
    ended = run.isComplete()
    return ended || behind().length > 0
  })
  // The stream of which the reader has fewer bytes is first, so that both streams are read.
  const [stream] = behind().sort((a, b) => after[a] - after[b])
  if (stream === undefined) return { result: { end: ended } }
  const { offset, bytes, dropped } = await run.output.store.read(
    stream,
    after[stream],
    MAX_BODY_BYTES,
  )
  return { result: { end: false, stream, offset, dropped }, body: bytes }
}

/** Waits for the condition, the end of the client, or {@link WAIT_MS}. */
async function until(
  deps: RespondDeps,
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
