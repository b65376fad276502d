/** Prints the output of a run from its first byte until the run ends. */
import { gapNote, plainWriter, watching } from '../../runs/run-output.ts'
import { withRuns } from '../../runs/runs.ts'
import { orUnknownRun } from '../../runs/unknown-run.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './stream.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { raw } = context.flags
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      const { run } = context.args
      const to = {
        stdout: plainWriter(context.stdout, { raw }),
        stderr: plainWriter(context.stderr, { raw }),
        gap: gapNote(context),
      }
      await watching(context, [run], () => runs.output({ run, follow: true, ...to }))
    }),
  )
}
