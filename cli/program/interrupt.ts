/**
 * Ctrl-C and SIGTERM. The first asks the command to finish cleanly (its signal aborts), the second
 * ends the process at once with the same exit code. A reader of stdout that goes away asks the
 * same.
 */
import { systemClock } from '../../shared/clock.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { cliError } from '../terminal/errors.ts'
import type { Sink } from '../terminal/sink.ts'

export interface Interrupts {
  readonly signal: AbortSignal
  /**
   * The command has ended and the process is about to. From now on an interrupt ends it at once,
   * and says that the command was complete.
   */
  finish(): void
}

/** A command that has not stopped by then tells how to end it at once. */
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
          void deps.stderr.write('stopping; Ctrl-C again to stop now\n').catch(() => undefined)
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
 * Replaces the listener of cli/early-interrupt.cjs. The new one is added first: without any, a
 * signal would end the process before the next one is there.
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
