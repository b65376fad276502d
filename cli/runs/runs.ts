/**
 * Selects how a command accesses runs: through the coordinator, or with --local through the unix
 * socket of this host's runner. Only this module decides between the two.
 */
import type { RunRow } from '../../protocols/control/messages.ts'
import { defineErrors, type MusterError } from '../../shared/errors.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import type { RunFlags } from './run-flags.ts'
import type { StartedRun } from './run-order.ts'
import type { FollowOptions } from './follow-run.ts'

export const runsError = defineErrors({
  'runs.lost': {
    exit: 'notFound',
    message: (d: { run: string; status: string }) => `cannot stop run ${d.run}: ${d.status}`,
    hint: () => 'run `muster process list --local` on the host to see which processes still run',
  },
})

export interface StopOptions {
  readonly graceMs: number
  readonly signal?: string
}

export interface RunsStarted {
  readonly started: readonly StartedRun[]
  /** The reason why the other runs were not started. */
  readonly failure: MusterError | undefined
}

/**
 * `run` is the id of a run, or a unique beginning or end of the id. All methods but start and list
 * throw dispatch.unknown-run and dispatch.ambiguous-run.
 */
export interface Runs {
  start(flags: RunFlags, command: readonly string[]): Promise<RunsStarted>
  status(run: string): Promise<RunRow>
  /** Resolves after all processes of the run have ended. */
  stop(run: string, options: StopOptions): Promise<RunRow>
  /** Reads from the beginning. Resolves with the run's state after all output was written. */
  output(options: FollowOptions): Promise<RunRow>
  /** Newest first. */
  list(options: { on: readonly string[]; all: boolean }): Promise<readonly RunRow[]>
}

/** @throws cli.usage if both --local and --on are given */
export async function withRuns<T>(
  context: CommandContext<{ readonly local: boolean; readonly on?: readonly string[] }, unknown>,
  work: (runs: Runs) => Promise<T>,
): Promise<T> {
  const { local, on = [] } = context.flags
  if (local && on.length > 0)
    throw cliError('cli.usage', {
      reason: '--local and --on exclude each other',
      hint: 'leave out --on: --local means the host of this home',
    })
  if (local) {
    const { openLocalRuns } = await import('./local-runs.ts')
    return work(await openLocalRuns(context))
  }
  const [{ remoteRuns }, { withSession }] = await Promise.all([
    import('./remote-runs.ts'),
    import('../session/connect.ts'),
  ])
  return withSession(context, (session) => work(remoteRuns(context, session)))
}
