/**
 * Carries out an order that was verified and journalled: the only caller of the runner that changes
 * anything.
 */
import type { ArgumentsOf } from '../../protocols/control/verbs.ts'
import { MusterError } from '../../shared/errors.ts'
import { type AgentId, runId } from '../../shared/ids.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import type { RunStatus } from '../runner/records/run-status.ts'
import { runnerOrder } from './runner-order.ts'
import type { VerifiedOrder } from './verify.ts'

export interface Acted {
  readonly result: 'done' | 'failed'
  readonly detail: JsonObject
}

/**
 * @throws runner.unreachable: it is unknown whether it was done; the runner's later answer tells
 */
export async function act(
  deps: { runner: RunnerClient; agent: AgentId },
  order: VerifiedOrder,
): Promise<Acted> {
  try {
    switch (order.verb) {
      case 'run.start':
        return await start(deps, order.arguments, order.environment)
      case 'run.stop':
        return await stop(deps, order.arguments)
      default:
        return order satisfies never
    }
  } catch (error) {
    if (!(error instanceof MusterError) || error.exit === 'unreachable') throw error
    return { result: 'failed', detail: { error: error.message, code: error.code } }
  }
}

async function start(
  deps: { runner: RunnerClient; agent: AgentId },
  order: ArgumentsOf<'run.start'>,
  environment: VerifiedOrder['environment'],
): Promise<Acted> {
  const status = await deps.runner.start(
    runnerOrder(runId.parse(order.runs[deps.agent] as string), order, environment),
  )
  return startOutcome(status)
}

/** What a start comes to, by the run that there is. */
export function startOutcome(status: RunStatus): Acted {
  if (status.state === 'failed to start')
    return { result: 'failed', detail: { ...runDetail(status), error: status.reason ?? 'unknown' } }
  return { result: 'done', detail: runDetail(status) }
}

async function stop(
  deps: { runner: RunnerClient },
  order: ArgumentsOf<'run.stop'>,
): Promise<Acted> {
  const run = runId.parse(order.run)
  const status = await deps.runner.stop(run, {
    graceMs: order.graceMs,
    ...(order.signal === undefined ? {} : { signal: order.signal }),
  })
  return { result: 'done', detail: runDetail(status) }
}

export function runDetail(status: RunStatus): JsonObject {
  return {
    run: status.run,
    state: status.state,
    limits: status.limits,
    containment: status.containment,
    // What it came to, where it ended before this was written.
    ...(status.exitCode === undefined ? {} : { exitCode: status.exitCode }),
    ...(status.signal === undefined ? {} : { signal: status.signal }),
    ...(status.reason === undefined ? {} : { reason: status.reason }),
    ...(status.unenforced === undefined ? {} : { unenforced: status.unenforced.join(',') }),
  }
}
