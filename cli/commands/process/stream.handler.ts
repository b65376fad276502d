/** A run's output from its first byte until it ends. */
import { withSession } from '../../connect.ts'
import { plainWriter, readOutput } from '../../run-output.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args } from './stream.ts'

export function handle(context: CommandContext<Readonly<Record<never, never>>, Args>): Promise<number | void> {
  return orUnknownRun(context, () =>
    withSession(context, async (session) => {
      await readOutput(session, {
        run: context.args.run,
        follow: true,
        stdout: plainWriter(context.stdout),
        stderr: plainWriter(context.stderr),
        gap: (stream, dropped) => context.note(`${dropped} bytes of ${stream} are missing here: the output limit was reached`),
      })
    }),
  )
}
