/** Prints the output of a run so far. */
import { gapNote, plainWriter } from '../../runs/run-output.ts'
import { withRuns } from '../../runs/runs.ts'
import { orUnknownRun } from '../../runs/unknown-run.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './output.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { raw } = context.flags
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      await runs.output({
        run: context.args.run,
        follow: false,
        stdout: plainWriter(context.stdout, { raw }),
        stderr: plainWriter(context.stderr, { raw }),
        gap: gapNote(context),
      })
    }),
  )
}
