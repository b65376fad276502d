/**
 * Runs as a command sees them, wherever they are: on the fleet's hosts through the coordinator, or
 * with --local on the agent's own host through its runner's unix socket. The only place that
 * decides between the two.
 */
import type { RunRow } from '../../protocols/control/messages.ts'
import { defineErrors, type MusterError } from '../../shared/errors.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import type { RunFlags, StartedRun } from './run-order.ts'
import type { FollowOptions } from './follow-run.ts'

export const runsError = defineErrors({
  'runs.lost': {
    exit: 'notFound',
    message: (d: { run: string; status: string }) => `run ${d.run} cannot be stopped: ${d.status}`,
    hint: () => 'what may still run there is ended on the host itself: muster process list --local',
  },
})

export interface StopOptions {
  readonly graceMs: number
  readonly signal?: string
}

/**
 * A run is named by its id, or by a unique beginning or end of it. All but start and list throw
 * dispatch.unknown-run, dispatch.ambiguous-run.
 */
export interface Runs {
  /** What was started, and why the rest was not. */
  start(
    flags: RunFlags,
    command: readonly string[],
  ): Promise<{ started: readonly StartedRun[]; failure: MusterError | undefined }>
  status(run: string): Promise<RunRow>
  /** Resolves once nothing of it lives. */
  stop(run: string, options: StopOptions): Promise<RunRow>
  /** Reads from the beginning. Resolves with the run's state once everything was written. */
  output(options: FollowOptions): Promise<RunRow>
  /** Newest first. */
  list(options: { on: readonly string[]; all: boolean }): Promise<readonly RunRow[]>
}

/** @throws cli.usage where --local and --on stand together */
export async function withRuns<T>(
  context: CommandContext<{ readonly local: boolean; readonly on?: readonly string[] }, unknown>,
  work: (runs: Runs) => Promise<T>,
): Promise<T> {
  const { local, on = [] } = context.flags
  if (local && on.length > 0)
    throw cliError('cli.usage', {
      reason: '--local and --on exclude each other',
      hint: '--local is the host of this home alone',
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
