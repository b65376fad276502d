/** Stops a run and all processes that it started. */
import { defined } from '../../../shared/defined.ts'
import { cliError } from '../../terminal/errors.ts'
import { signalName, signalNumber } from '../../../shared/signals.ts'
import { withRuns } from '../../runs/runs.ts'
import { orUnknownRun } from '../../runs/unknown-run.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './stop.ts'

export function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { grace, signal } = context.flags
  const options = {
    graceMs: grace,
    ...defined({ signal: signal === undefined ? undefined : chosenSignal(signal) }),
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

/**
 * Returns the name that intents require. Accepts `usr1`, `USR1` and `SIGUSR1`. @throws cli.usage
 */
function chosenSignal(text: string): string {
  const number = signalNumber(text.toUpperCase().replace(/^(?!SIG)/, 'SIG'))
  if (number !== undefined) return signalName(number)
  throw cliError('cli.usage', {
    reason: `--signal: expected the name of a signal, got ${JSON.stringify(text)}`,
    hint: 'pass a name such as TERM, INT, HUP, USR1 or RTMIN+3',
  })
}
