/** The state of a run in a few words. */
import { remarkOn } from '../../run-remarks.ts'
import { withRuns } from '../../runs.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './status.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      const run = await runs.status(context.args.run)
      await context.printOne({ value: run, fields: [], line: run.status, name: run.run })
      await remarkOn(context, run)
    }),
  )
}
