/** The state of a run in a few words. */
import { withSession } from '../../connect.ts'
import { printable } from '../../sink.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args } from './status.ts'

export function handle(context: CommandContext<Readonly<Record<never, never>>, Args>): Promise<number | void> {
  return orUnknownRun(context, () =>
    withSession(context, async (session) => {
      const run = await session.ask('run.status', { run: context.args.run })
      const { output } = context.globals
      if (output === 'json' || output === 'yaml') return context.printOne({ value: run, fields: [], name: run.run })
      // The host chooses the words of the reason.
      await context.stdout.write(`${printable(run.status)}\n`)
    }),
  )
}
