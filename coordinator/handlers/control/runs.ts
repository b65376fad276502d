/**
 * Returns the state and the output of runs. The host's runner decides what the state is. If the
 * host is not connected, the coordinator returns its last report.
 */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import type { Target } from '../../../protocols/rpc/peer.ts'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { isTerminal } from '../../../shared/describe-run.ts'
import type { AgentId } from '../../../shared/ids.ts'
import type { Dispatch, DispatchDeps } from '../../dispatch/dispatch.ts'
import { dispatchError } from '../../dispatch/errors.ts'
import { currentRow, readOutput } from '../../dispatch/read-output.ts'
import { currentRows } from '../../dispatch/run-rows.ts'
import type { Runs } from '../../dispatch/runs.ts'
import type { Access } from '../../registry/access.ts'
import type { Agents } from '../../registry/agents.ts'
import { selectedTargets, targetOf } from '../../registry/targets.ts'
import { untilRevoked } from '../../sessions/revocable.ts'

type Control = Handlers<typeof control>
export type RunHandlers = Pick<Control, 'run.status' | 'run.list' | 'run.output'>

export interface RunDeps {
  readonly agents: Agents
  readonly runs: Runs
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly access: Access
  readonly open: DispatchDeps['open']
}

export function runHandlers(deps: RunDeps): RunHandlers {
  const { agents, runs } = deps
  const targets = ({ run }: { run: string }) => runTargets(deps, run)
  const select = (selectors: readonly string[]) => agents.select(selectors)
  return {
    'run.status': {
      targets,
      run: async ({ run }, { signal }) => currentRow(deps, await runs.find(run), signal),
    },

    'run.list': {
      targets: async ({ on }) => (on === undefined ? [{}] : selectedTargets(on, select)),
      async run({ on, all, after }, { signal }) {
        const chosen = on && (await select(on)).map((agent) => agent.id)
        const page = await runs.list(defined({ agents: chosen, all, after }))
        const rows = await currentRows(deps, page.runs, signal)
        const listed = all ? rows : rows.filter((row) => !isTerminal(row.state))
        return defined({ runs: listed, next: page.next })
      },
    },

    'run.output': {
      targets,
      async run(request, context) {
        const record = await runs.find(request.run)
        const target = (): Promise<Target> => hostTarget(agents, record.agent)
        const { signal, send } = context
        return readOutput(deps, record, request, {
          signal,
          send,
          whileAllowed: (work) => untilRevoked(deps, context, { namespace: 'run', target }, work),
        })
      },
    },
  }
}

/**
 * Returns the run's host. As in registry/targets.ts, the errors for an unknown run and a hidden run
 * are equal (PC-27).
 */
async function runTargets({ agents, runs }: RunDeps, run: string): Promise<Target[]> {
  try {
    return [await hostTarget(agents, (await runs.find(run)).agent)]
  } catch (error) {
    if (dispatchError.is(error)) return [{}]
    throw error
  }
}

async function hostTarget(agents: Agents, id: AgentId): Promise<Target> {
  return targetOf({ id, labels: (await agents.byId(id))?.labels ?? {} })
}
