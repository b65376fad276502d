/**
 * Ctrl-C and SIGTERM. The first asks the command to finish cleanly (its signal aborts), the second ends the process at once with the same
 * exit code. So does the reader of stdout going away, as far as the asking goes.
 */
import { EXIT } from '../shared/exit-codes.ts'
import { cliError } from './errors.ts'
import type { Sink } from './sink.ts'

export interface Interrupts {
  readonly signal: AbortSignal
  /** Puts the default behaviour back. */
  stop(): void
}

export function watchInterrupts(deps: { stdout: Sink; stderr: Sink }): Interrupts {
  const abort = new AbortController()
  const onSignal = (name: 'SIGINT' | 'SIGTERM'): void => {
    const exit = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
    if (abort.signal.aborted) process.exit(exit)
    abort.abort(cliError(name === 'SIGINT' ? 'cli.interrupted' : 'cli.terminated'))
    if (name === 'SIGINT' && deps.stderr.isTTY)
      void deps.stderr.write('stopping; Ctrl-C again to stop now\n').catch(() => undefined)
  }
  const onInterrupt = (): void => onSignal('SIGINT')
  const onTerminate = (): void => onSignal('SIGTERM')
  const onClosed = (): void => abort.abort(deps.stdout.closed.reason)
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  deps.stdout.closed.addEventListener('abort', onClosed, { once: true })
  return {
    signal: abort.signal,
    stop: () => {
      process.removeListener('SIGINT', onInterrupt)
      process.removeListener('SIGTERM', onTerminate)
      deps.stdout.closed.removeEventListener('abort', onClosed)
    },
  }
}
