/**
 * Finds the outcome of an intent that the agent accepted before it ended. The runner continues
 * without the agent and has the status of the run. Nothing is carried out here.
 */
import { isTerminal } from '../../shared/describe-run.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { type Acted, startOutcome, stopOutcome } from './act.ts'
import type { RunIntent } from './verify.ts'

/** @throws runner.unreachable: the outcome is unknown for now */
export async function recoverOutcome(
  deps: { readonly runner: RunnerClient },
  asked: RunIntent,
): Promise<Acted> {
  const status = await deps.runner.probe(asked.run)
  if (asked.verb === 'run.start')
    return status === undefined
      ? interrupted('the agent ended before it started the run')
      : startOutcome(status)
  if (status === undefined || !isTerminal(status.state))
    return interrupted('the agent ended before the run had stopped')
  return stopOutcome(status)
}

const interrupted = (error: string): Acted => ({ result: 'failed', detail: { error } })
