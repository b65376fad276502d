/** Wait for a run to end; exits as it did. */
import { withSession } from '../../connect.ts'
import { remoteExitCode } from '../../run-watch.ts'
import { readOutput } from '../../run-output.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args } from './wait.ts'

const nowhere = async (): Promise<void> => undefined

export function handle(context: CommandContext<Readonly<Record<never, never>>, Args>): Promise<number | void> {
  return orUnknownRun(context, () =>
    withSession(context, async (session) => {
      const row = await readOutput(session, { run: context.args.run, follow: true, stdout: nowhere, stderr: nowhere })
      await context.note(row.status)
      return remoteExitCode(row)
    }),
  )
}
