/** Stop a run and everything it started. */
import { constants } from 'node:os'
import { cliError } from '../../errors.ts'
import { withRuns } from '../../runs.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './stop.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { grace, signal } = context.flags
  const options = {
    graceMs: grace,
    ...(signal === undefined ? {} : { signal: signalName(signal) }),
  }
  return orUnknownRun(context, () =>
    withRuns(context, async (runs) => {
      const { run, host } = await runs.stop(context.args.run, options)
      await context.printOne({
        value: { run, host, result: 'stopped' },
        fields: [],
        line: 'process stopped',
        name: run,
      })
    }),
  )
}

/** `usr1` and `SIGUSR1` are the same. Before an order is signed that the host would refuse. */
function signalName(text: string): string {
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  if (Object.hasOwn(constants.signals, name)) return name
  throw cliError('cli.usage', {
    reason: `--signal: expected the name of a signal, got ${JSON.stringify(text)}`,
    hint: 'such as TERM, INT, HUP or USR1',
  })
}
