/** A protocol that a node registers before it can answer: early callers wait a little. */
import type { Clock } from '../../shared/clock.ts'
import type { Serve } from './serve.ts'
import { socketError } from './socket.ts'
import { encodeFrame } from '../wire/frame.ts'
import { encodeError } from '../wire/status.ts'

/** As at the socket. */
const STARTING_MS = 5_000
const AGAIN_MS = 50

/** Serves by what `ready` gives, once it gives something. `name`: of the node, for the refusal. */
export function serveWhenStarted(
  deps: { clock: Clock },
  options: { name: string; ready: () => Serve | undefined },
): Serve {
  return async (duplex, peer, signal) => {
    const until = deps.clock.monotonic() + STARTING_MS
    for (;;) {
      const serve = options.ready()
      if (serve !== undefined) return serve(duplex, peer, signal)
      if (signal.aborted || deps.clock.monotonic() >= until) break
      await deps.clock.sleep(AGAIN_MS, signal).catch(() => undefined)
    }
    const error = socketError('socket.starting', { path: options.name })
    await duplex.write(encodeFrame('error', encodeError(error))).then(duplex.close, () => undefined)
    duplex.abort(error)
  }
}
