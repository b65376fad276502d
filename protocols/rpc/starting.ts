/** A protocol that a node registers before it can answer: early callers wait a little. */
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Serve } from './serve.ts'
import { socketError } from './socket.ts'
import { encodeFrame } from '../wire/frame.ts'
import { encodeError } from '../wire/status.ts'

/** As at the socket. */
const STARTING_MS = 5_000
const AGAIN_MS = 50

/** Lets callers in once the node has started. One that comes earlier waits a little. */
export interface StartGate {
  /** What the node registers before it can answer. `name`: of the node, for the refusal. */
  serve(name: string): Serve
  /** From now on callers are served by this. */
  open(serve: Serve): void
}

export function createStartGate(deps: { clock: Clock }): StartGate {
  let opened: Serve | undefined
  return {
    serve: (name) => serveWhenStarted(deps, name, () => opened),
    open: (serve) => {
      opened = serve
    },
  }
}

function serveWhenStarted(
  deps: { clock: Clock },
  name: string,
  opened: () => Serve | undefined,
): Serve {
  return async (duplex, peer, signal) => {
    const until = deps.clock.monotonic() + STARTING_MS
    for (;;) {
      const serve = opened()
      if (serve !== undefined) return serve(duplex, peer, signal)
      if (signal.aborted || deps.clock.monotonic() >= until) break
      await deps.clock.sleep(AGAIN_MS, signal).catch(() => undefined)
    }
    const reason: unknown = signal.reason
    const error =
      reason instanceof MusterError ? reason : socketError('socket.starting', { path: name })
    await duplex.write(encodeFrame('error', encodeError(error))).then(duplex.close, () => undefined)
    duplex.abort(error)
  }
}
