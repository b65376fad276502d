/**
 * Follows a run to its end, across restarts of its agent and of the coordinator. After a lost
 * connection it continues at the next byte.
 */
import { defined } from '../../shared/defined.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { defineErrors, type MusterError } from '../../shared/errors.ts'
import { formatDuration } from '../../shared/units.ts'
import type { CommandContext } from '../program/handler.ts'
import { withPatience } from '../session/patience.ts'
import { type OutputOptions, readOutput } from './run-output.ts'
import type { Session } from '../session/session.ts'

export const followError = defineErrors({
  'follow.given-up': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { run: string; waited: string; reason: string }) =>
      `cannot follow run ${d.run} for ${d.waited}: ${d.reason}`,
    hint: (d: { run: string }) =>
      'the run may continue; ' +
      `run \`muster process status ${d.run}\` or \`muster process stream ${d.run}\` later`,
  },
})

export interface FollowOptions extends OutputOptions {
  /** The longest time without contact. */
  readonly patienceMs?: number
}

/** @throws follow.given-up, dispatch.*, and permanent errors */
export async function followRun(
  context: Pick<CommandContext, 'clock' | 'signal' | 'note'>,
  session: Session,
  options: FollowOptions,
): Promise<RunRow> {
  const { clock, signal } = context
  const offsets = { stdout: 0, stderr: 0 }
  const { run, patienceMs } = options
  const read = (own: Session): Promise<RunRow> => readOutput(own, { ...options, offsets })
  return withPatience(
    {
      clock,
      signal,
      ...defined({ patienceMs }),
      progress: () => offsets.stdout + offsets.stderr,
      waiting: ({ message }) => context.note(`${message}; waiting for it, run ${run} may continue`),
      givenUp: (error: MusterError, waitedMs) =>
        followError(
          'follow.given-up',
          { run, waited: formatDuration(waitedMs), reason: error.message },
          { cause: error },
        ),
    },
    // A restart of the coordinator ends the first session.
    (number) => (number === 1 ? read(session) : session.another(read)),
  )
}
