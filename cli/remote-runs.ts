/** Runs on the hosts of the fleet, through the coordinator: starting and stopping are orders that the operator signs. */
import type { CommandContext } from './context.ts'
import { failureOf, requireDone } from './results.ts'
import { startRuns } from './run-order.ts'
import { readOutput } from './run-output.ts'
import type { Runs } from './runs.ts'
import type { Session } from './session.ts'

export function remoteRuns(
  context: Pick<CommandContext, 'env' | 'random' | 'stderr'>,
  session: Session,
): Runs {
  return {
    async start(flags, command) {
      const { runs, response } = await startRuns(context, session, flags, command)
      const done = new Set(
        response.results.filter((row) => row.result === 'done').map((row) => row.target),
      )
      const nameOf = (target: string): string =>
        runs.find((run) => run.agent === target)?.host ?? target
      return {
        started: runs.filter((run) => done.has(run.agent)),
        failure: failureOf(response, nameOf),
      }
    },
    status: (run) => session.ask('run.status', { run }),
    async stop(text, options) {
      const row = await session.ask('run.status', { run: text })
      const response = await session.operate({
        verb: 'run.stop',
        targets: [row.agent],
        arguments: { run: row.run, ...options },
      })
      requireDone(response, () => row.host)
      return row
    },
    output: (options) => readOutput(session, options),
    list: async ({ on, all }) =>
      (await session.ask('run.list', { all, ...(on.length === 0 ? {} : { on: [...on] }) })).runs,
  }
}
