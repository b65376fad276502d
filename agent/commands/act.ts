/** Carries out an intent through the runner. The intent is verified and in the journal. */
import { defined } from '../../shared/defined.ts'
import { MusterError } from '../../shared/errors.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import type { RunStatus } from '../runner/records/run-status.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { runnerOrder } from './runner-order.ts'
import type { VerifiedIntent } from './verify.ts'

export interface Acted {
  readonly result: 'done' | 'failed'
  readonly detail: JsonObject
}

/**
 * @throws runner.unreachable: whether the runner acted is unknown until it answers again
 */
export async function act(
  deps: { readonly runner: RunnerClient },
  asked: VerifiedIntent,
): Promise<Acted> {
  const { runner } = deps
  const { run } = asked
  try {
    if (asked.verb === 'run.start')
      return startOutcome(await runner.start(runnerOrder(run, asked.arguments, asked.environment)))
    const { graceMs, signal } = asked.arguments
    return stopOutcome(await runner.stop(run, defined({ graceMs, signal })))
  } catch (error) {
    if (!(error instanceof MusterError) || error.exit === 'unreachable') throw error
    return { result: 'failed', detail: { error: error.message, code: error.code } }
  }
}

/** Returns the outcome of a start for the status of the run. */
export function startOutcome(status: RunStatus): Acted {
  const detail = runDetail(status)
  if (status.state !== 'failed to start') return { result: 'done', detail }
  return { result: 'failed', detail: { ...detail, error: status.reason ?? 'unknown' } }
}

/** Returns the outcome of a stop for the status of a run that has ended. */
export function stopOutcome(status: RunStatus): Acted {
  return { result: 'done', detail: runDetail(status) }
}

function runDetail(status: RunStatus): JsonObject {
  const { run, state, limits, containment, exitCode, signal, reason } = status
  const unenforced = status.unenforced?.join(',')
  // exitCode, signal and reason are defined if the run has ended before this outcome.
  return defined({ run, state, limits, containment, exitCode, signal, reason, unenforced })
}
