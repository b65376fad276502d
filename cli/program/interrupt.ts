/**
 * Handles Ctrl-C and SIGTERM. The first one aborts the signal of the command, so that the command
 * ends cleanly. The second one ends the process at once. A closed stdout aborts the signal too.
 */
import { systemClock } from '../../shared/clock.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { cliError } from '../terminal/errors.ts'
import type { Sink } from '../terminal/sink.ts'

export interface Interrupts {
  readonly signal: AbortSignal
  /**
   * Must be called when the command has ended. A later interrupt ends the process at once and
   * reports that the command was complete.
   */
  finish(): void
}

/** After this time a hint explains the second Ctrl-C. */
const PATIENCE_MS = 2_000

export function watchInterrupts(deps: { stdout: Sink; stderr: Sink }): Interrupts {
  const abort = new AbortController()
  let finished = false
  const onSignal = (name: 'SIGINT' | 'SIGTERM'): void => {
    const exit = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    const code = name === 'SIGINT' ? 'cli.interrupted' : 'cli.terminated'
    if (finished) return endNow(exit, `${cliError(code).message}, but the command was complete`)
    if (abort.signal.aborted) return endNow(exit, cliError(code).message)
    abort.abort(cliError(code))
    if (name === 'SIGINT' && deps.stderr.isTTY)
      systemClock.after(PATIENCE_MS, () => {
        if (!finished)
          void deps.stderr
            .write('stopping; press Ctrl-C again to stop now\n')
            .catch(() => undefined)
      })
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) takeOver(name, () => onSignal(name))
  deps.stdout.closed.addEventListener('abort', () => abort.abort(deps.stdout.closed.reason), {
    once: true,
  })
  return {
    signal: abort.signal,
    finish: () => {
      finished = true
    },
  }
}

/**
 * Replaces the listener of cli/early-interrupt.cjs. The new one is added first, because a signal
 * without a listener would end the process.
 */
function takeOver(name: 'SIGINT' | 'SIGTERM', listener: () => void): void {
  const before = process.listeners(name)
  process.on(name, listener)
  for (const early of before) process.removeListener(name, early)
}

function endNow(exit: number, message: string): void {
  process.stderr.write(`muster: error: ${message}\n`)
  process.exit(exit)
}
