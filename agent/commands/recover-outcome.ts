/**
 * What became of an order that was accepted and has no outcome, because this agent ended in
 * between: asked of the runner, which outlives agents. Nothing is done here; an order that was not
 * carried out by then is not carried out any more.
 */
import { isTerminal } from '../../shared/describe-run.ts'
import { type AgentId, runId } from '../../shared/ids.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { type Acted, runDetail, startOutcome } from './act.ts'
import type { ReadOrder } from './verify.ts'

/** @throws runner.unreachable where it cannot be found out now */
export async function whatBecameOf(
  deps: { runner: RunnerClient; agent: AgentId },
  order: ReadOrder,
): Promise<Acted> {
  switch (order.verb) {
    case 'run.start': {
      const status = await deps.runner.probe(
        runId.parse(order.arguments.runs[deps.agent] as string),
      )
      return status === undefined
        ? interrupted('the agent ended before it started the run')
        : startOutcome(status)
    }
    case 'run.stop': {
      const status = await deps.runner.probe(runId.parse(order.arguments.run))
      if (status === undefined || !isTerminal(status.state))
        return interrupted('the agent ended before the run had stopped')
      return { result: 'done', detail: runDetail(status) }
    }
    default:
      return order satisfies never
  }
}

const interrupted = (error: string): Acted => ({ result: 'failed', detail: { error } })
