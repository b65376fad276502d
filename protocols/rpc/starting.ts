/** Registers a protocol before the node can serve it. Early callers wait a few seconds. */
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Serve } from './serve.ts'
import { socketError } from './socket.ts'
import { encodeFrame } from '../wire/frame.ts'
import { encodeError } from '../wire/status.ts'

/** The same values as for the unix socket. */
const STARTING_MS = 5_000
const AGAIN_MS = 50

/** Serves callers after the node has started. Earlier callers wait a few seconds. */
export interface StartGate {
  /**
   * Returns the server that the node registers during its start. `name` is the node's name in the
   * refusal.
   */
  serve(name: string): Serve
  /** Serves the waiting callers and all later ones with `serve`. */
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
