/** Wait for a run to end; exits as it did. */
import { defineErrors } from '../../../shared/errors.ts'
import { endWords } from '../../run-remarks.ts'
import { remoteExitCode } from '../../run-watch.ts'
import { withRuns } from '../../runs.ts'
import { orUnknownRun } from '../../unknown-run.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './wait.ts'

export const waitError = defineErrors({
  'wait.pending': {
    exit: 'pending',
    message: (d: { run: string }) => `run ${d.run} has not ended yet`,
    hint: () => 'it goes on; wait again, or end it with muster process stop',
  },
})

const nowhere = async (): Promise<void> => undefined

export async function handle(context: CommandContext<Flags, Args>): Promise<number | void> {
  const { run } = context.args
  const { timeout } = context.flags
  const late = timeout === undefined ? undefined : context.clock.timeout(timeout)
  const signal = late === undefined ? context.signal : AbortSignal.any([context.signal, late])
  try {
    return await orUnknownRun(context, () =>
      withRuns({ ...context, signal }, async (runs) => {
        const row = await runs.output({ run, follow: true, stdout: nowhere, stderr: nowhere })
        await context.note(endWords(row))
        return remoteExitCode(row)
      }),
    )
  } catch (error) {
    context.signal.throwIfAborted()
    if (late?.aborted === true) throw waitError('wait.pending', { run }, { cause: error })
    throw error
  }
}
