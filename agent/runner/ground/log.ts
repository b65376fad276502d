/**
 * The runner's own log: one JSON line an event on standard error, which the client points at
 * runner.log. (The program's logger would triple its size.)
 */
import { inspect } from 'node:util'
import type { Clock } from '../../../shared/clock.ts'
import { rfc3339 } from '../../../shared/clock.ts'

/**
 * `data.error` may be anything that was thrown. Never an order's environment or arguments: they may
 * hold secrets.
 */
export type RunnerLog = (event: string, data?: Readonly<Record<string, unknown>>) => void

export function createLog(deps: { clock: Clock }, write: (line: string) => void): RunnerLog {
  return (event, data = {}) => {
    const { error, ...rest } = data
    const reason =
      error === undefined
        ? {}
        : { error: error instanceof Error ? (error.stack ?? error.message) : inspect(error) }
    write(`${JSON.stringify({ at: rfc3339(deps.clock.now()), event, ...rest, ...reason })}\n`)
  }
}
