/** Stop a run and everything it started. */
import { withSession } from '../../connect.ts'
import { requireDone } from '../../results.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './stop.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { grace, signal } = context.flags
  return orUnknownRun(context, () =>
    withSession(context, async (session) => {
      const { run, agent, host } = await session.ask('run.status', { run: context.args.run })
      const name = signal === undefined ? {} : { signal: signal.toUpperCase().replace(/^(?!SIG)/, 'SIG') }
      const response = await session.operate({ verb: 'run.stop', targets: [agent], arguments: { run, graceMs: grace, ...name } })
      requireDone(response, () => host)
      await context.stdout.write('process stopped\n')
    }),
  )
}
