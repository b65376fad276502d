/** Starts a process on hosts and prints the run ids. */
import { cliError } from '../../terminal/errors.ts'
import { withRuns } from '../../runs/runs.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './start.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { on, local } = context.flags
  if (!local && on.length === 0)
    throw cliError('cli.usage', {
      reason: 'no host is given',
      hint: 'pass --on HOST, --on k=v or --on all, or --local for this host',
    })
  await withRuns(context, async (runs) => {
    const { started, failure } = await runs.start(context.flags, context.args.command)
    if (started.length > 0 || failure === undefined)
      await context.printList({
        rows: started,
        name: ({ run }) => run,
        line: ({ run }) => run,
        json: ({ run, host, agent }) => ({ run, host, agent }),
        columns: [],
      })
    if (failure !== undefined) throw failure
  })
}
