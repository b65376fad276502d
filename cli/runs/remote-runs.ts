/**
 * Runs on the hosts of the fleet, through the coordinator: starting and stopping are orders that
 * the operator signs.
 */
import type { CommandContext } from '../program/handler.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { deniedFor } from '../program/denied.ts'
import { failureOf } from '../session/results.ts'
import type { StartedRun } from './run-order.ts'
import { startError, startRuns } from './start-runs.ts'
import { followRun } from './follow-run.ts'
import { readOutput } from './run-output.ts'
import { type Runs, runsError } from './runs.ts'
import type { Session } from '../session/session.ts'

export function remoteRuns(
  context: Pick<CommandContext, 'env' | 'random' | 'clock' | 'signal' | 'note' | 'stderr'>,
  session: Session,
): Runs {
  return {
    async start(flags, command) {
      const { runs, response } = await startRuns(context, session, flags, command)
      const done = new Set(
        response.results.filter((row) => row.result === 'done').map((row) => row.target),
      )
      const runOf = (target: string): StartedRun =>
        runs.find((run) => run.agent === target) ?? { agent: target, host: target, run: target }
      return {
        started: runs.filter((run) => done.has(run.agent)),
        failure: failureOf(
          response,
          (target) => runOf(target).host,
          (row) => startError(row, runOf(row.target)),
        ),
      }
    },
    status: (run) => session.ask('run.status', { run }),
    async stop(text, options) {
      const row = await session
        .ask('run.status', { run: text })
        .catch((error: unknown) => Promise.reject(deniedFor(error, { level: 'control' })))
      const response = await session.operate({
        verb: 'run.stop',
        targets: [row.agent],
        arguments: { run: row.run, ...options },
      })
      const failure = failureOf(response, () => row.host)
      if (failure === undefined) return row
      // A host that has no record of the run cannot stop it: what is known of it says more.
      const now = await session.ask('run.status', { run: row.run })
      if (now.state !== 'lost') throw failure
      throw runsError('runs.lost', { run: now.run, status: now.status }, { cause: failure })
    },
    output: (options) =>
      options.follow ? followRun(context, session, options) : readOutput(session, options),
    async list({ on, all }) {
      const rows: RunRow[] = []
      const which = { all, ...(on.length === 0 ? {} : { on: [...on] }) }
      for (let after: string | undefined; ; ) {
        const request = { ...which, ...(after === undefined ? {} : { after }) }
        const page = await session
          .ask('run.list', request)
          .catch((error: unknown) =>
            Promise.reject(on.length === 0 ? deniedFor(error, { all: true }) : error),
          )
        rows.push(...page.runs)
        if (page.next === undefined) return rows
        after = page.next
      }
    },
  }
}
