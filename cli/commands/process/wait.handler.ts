/** Waits until a run ends, and exits with its exit code. */
import { defined } from '../../../shared/defined.ts'
import { defineErrors, MusterError } from '../../../shared/errors.ts'
import { EXIT } from '../../../shared/exit-codes.ts'
import { endWords } from '../../runs/run-remarks.ts'
import { remoteExitCode } from '../../runs/run-watch.ts'
import { withRuns } from '../../runs/runs.ts'
import { orUnknownRun } from '../../runs/unknown-run.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './wait.ts'

export const waitError = defineErrors({
  'wait.pending': {
    exit: 'pending',
    message: (d: { run: string }) => `run ${d.run} has not ended yet`,
    hint: (d: { run: string }) =>
      `the run continues; wait again, or run \`muster process stop ${d.run}\``,
  },
})

const discard = async (): Promise<void> => undefined

export async function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { run } = context.args
  const { timeout } = context.flags
  const late = timeout === undefined ? undefined : context.clock.timeout(timeout)
  const signal = late === undefined ? context.signal : AbortSignal.any([context.signal, late])
  try {
    return await orUnknownRun(context, () =>
      withRuns({ ...context, signal }, async (runs) => {
        const row = await runs.output({
          run,
          follow: true,
          stdout: discard,
          stderr: discard,
          // --timeout also limits the wait for a host that doesn't respond.
          ...defined({ patienceMs: late === undefined ? undefined : Number.POSITIVE_INFINITY }),
        })
        await context.note(endWords(row))
        return remoteExitCode(row)
      }),
    )
  } catch (error) {
    context.signal.throwIfAborted()
    if (late?.aborted === true) throw waitError('wait.pending', { run }, { cause: error })
    if (!(error instanceof MusterError) || error.exit !== 'unreachable') throw error
    // Exit code 7 could be the exit code of the program.
    await context.report(error)
    return EXIT.ownFailure
  }
}
