/** Start a process on a host and print its run id. */
import { withSession } from '../../connect.ts'
import { requireDone } from '../../results.ts'
import type { CommandContext } from '../../context.ts'
import { type RunFlags, startRuns } from '../../run-order.ts'
import type { Args } from './start.ts'

export async function handle(context: CommandContext<RunFlags, Args>): Promise<void> {
  await withSession(context, async (session) => {
    const { runs, response } = await startRuns(context, session)
    const started = new Set(response.results.filter((row) => row.result === 'done').map((row) => row.target))
    for (const run of runs) if (started.has(run.agent)) await context.stdout.write(`${run.run}\n`)
    requireDone(response, (target) => runs.find((run) => run.agent === target)?.host ?? target)
  })
}
