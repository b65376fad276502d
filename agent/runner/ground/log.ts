/**
 * The log of the runner: one JSON line for each event on standard error, which is runner.log. (The
 * agent's logger would make the runner three times as large.)
 */
import { inspect } from 'node:util'
import type { Clock } from '../../../shared/clock.ts'
import { rfc3339 } from '../../../shared/clock.ts'

/**
 * `data.error` may be any thrown value. Never log the environment or the arguments of a run,
 * because they may contain secrets.
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
