/** A run's output from its first byte until it ends. */
import { gapNote, plainWriter } from '../../run-output.ts'
import { withRuns } from '../../runs.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './stream.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { raw } = context.flags
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      await runs.output({
        run: context.args.run,
        follow: true,
        stdout: plainWriter(context.stdout, { raw }),
        stderr: plainWriter(context.stderr, { raw }),
        gap: gapNote(context),
      })
    }),
  )
}
