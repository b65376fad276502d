/** Prints the state of a run. */
import { remarkOn } from '../../runs/run-remarks.ts'
import { runStatusWords } from '../../runs/run-status-words.ts'
import { withRuns } from '../../runs/runs.ts'
import { orUnknownRun } from '../../runs/unknown-run.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './status.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      const run = await runs.status(context.args.run)
      const line = runStatusWords(context.clock, run)
      await context.printOne({ value: run, fields: [], line, name: run.run })
      await remarkOn(context, run)
      if (run.stale !== true) return
      const seen = run.seenAt ?? 'never'
      await context.note(`${run.host} does not answer; last report: ${seen}`)
    }),
  )
}
