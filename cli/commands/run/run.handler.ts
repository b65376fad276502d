/** Runs a command on hosts and prints its output. */
import { withSession } from '../../session/connect.ts'
import { watchMany, watchOne } from '../../runs/run-watch.ts'
import type { CommandContext } from '../../program/handler.ts'
import { startRuns } from '../../runs/start-runs.ts'
import { watching } from '../../runs/run-output.ts'
import type { Args, Flags } from './run.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<number> {
  return withSession(context, async (session) => {
    const started = await startRuns(context, session, context.flags, context.args.command)
    const watch = started.runs.length === 1 ? watchOne : watchMany
    return watching(
      context,
      started.runs.map(({ run }) => run),
      () => watch(context, session, started),
    )
  })
}
