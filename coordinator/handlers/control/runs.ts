/**
 * Answers about runs. The agent's runner knows best; the coordinator asks it where it is connected
 * and says what it last heard where not.
 */
import { targetsWithoutHosts } from '../../registry/selector.ts'
import { outputRefusal } from '../../../protocols/output/errors.ts'
import type { control } from '../../../protocols/control/protocol.ts'
import type { RunRow } from '../../../protocols/control/messages.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { openClient } from '../../../protocols/rpc/call.ts'
import type { RunStatusMessage } from '../../../protocols/command/messages.ts'
import { isTerminal } from '../../../shared/describe-run.ts'
import { output } from '../../../protocols/output/protocol.ts'
import type { Target } from '../../../protocols/rpc/peer.ts'
import { type Clock, rfc3339 } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import type { AgentId } from '../../../shared/ids.ts'
import type { Dispatch, DispatchDeps } from '../../dispatch/dispatch.ts'
import { dispatchError } from '../../dispatch/errors.ts'
import type { RunRecord } from '../../dispatch/run-record.ts'
import type { Runs } from '../../dispatch/runs.ts'
import type { Access } from '../../registry/access.ts'
import type { AgentRecord, Agents } from '../../registry/agents.ts'
import { registryError } from '../../registry/errors.ts'
import { recordStatus } from '../../dispatch/ask-host.ts'
import { currentRows, runRow } from '../../dispatch/run-rows.ts'
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

  /**
   * Where the run is, for authorisation. Whoever may see every host's runs learns that there is
   * none; others get the same refusal either way (PC-27).
   */
  const targetOf = async (text: string): Promise<Target[]> => {
    try {
      return [await agentTarget((await runs.find(text)).agent)]
    } catch (error) {
      if (dispatchError.is(error)) return [{}]
      throw error
    }
  }
  const agentTarget = async (id: AgentId): Promise<Target> => ({
    agent: id,
    labels: (await agents.byId(id))?.labels ?? {},
  })

  const read = async (
    agent: AgentRecord,
    record: RunRecord,
    { follow, stdout, stderr }: { follow: boolean; stdout: number; stderr: number },
    { signal, send }: { signal: AbortSignal; send: (bytes: Uint8Array) => Promise<void> },
  ): Promise<RunStatusMessage> => {
    const duplex = await deps.open(agent.peerId, output.id, signal).catch((cause: unknown) => {
      throw dispatchError('dispatch.offline', { host: agent.name }, { cause })
    })
    const client = openClient(output, duplex, deps)
    try {
      return (
        await client.call(
          'read',
          { run: record.run, follow, stdout, stderr },
          { signal, onData: send },
        )
      ).status
    } finally {
      // Also after a refusal: the stream would stay open, and there are few of them for each host.
      await client.close().catch(() => undefined)
    }
  }

  const show = async (record: RunRecord, signal: AbortSignal): Promise<RunRow> => {
    const [row] = await currentRows(deps, [record], signal)
    if (row === undefined) throw dispatchError('dispatch.unknown-run')
    return row
  }

  return {
    'run.status': {
      targets: ({ run }) => targetOf(run),
      run: async ({ run }, context) => show(await runs.find(run), context.signal),
    },

    'run.list': {
      async targets({ on }) {
        if (on === undefined) return [{}]
        try {
          return (await agents.select(on)).map((agent) => ({
            agent: agent.id,
            labels: agent.labels,
          }))
        } catch (error) {
          // As in targetOf: names and labels are nothing that whoever asks may find out by asking.
          if (registryError.is(error)) return targetsWithoutHosts(on)
          throw error
        }
      },
      async run({ on, all, after }, context) {
        const chosen =
          on === undefined ? undefined : (await agents.select(on)).map((agent) => agent.id)
        const page = await runs.list(defined({ agents: chosen, all, after }))
        const rows = await currentRows(deps, page.runs, context.signal)
        const listed = all ? rows : rows.filter((row) => !isTerminal(row.state))
        return defined({ runs: listed, next: page.next })
      },
    },

    'run.output': {
      targets: ({ run }) => targetOf(run),
      async run(request, context) {
        const record = await runs.find(request.run)
        const agent = await agents.byId(record.agent)
        const now = (): string => rfc3339(deps.clock.now())
        if (record.state === 'failed to start')
          return runRow(record, agent, { contact: 'answered' }, now())
        if (agent === undefined) throw dispatchError('dispatch.offline', { host: record.agent })
        if (agent.status === 'revoked')
          throw dispatchError('dispatch.revoked', { host: agent.name })
        const right = { namespace: 'run', target: () => agentTarget(record.agent) } as const
        const said = await untilRevoked(deps, context, right, (signal) =>
          read(agent, record, request, { ...context, signal }),
        ).catch(async (error: unknown) => {
          if (!outputRefusal.is(error, 'runner.unknown-run')) throw error
          const { status } = await show(record, context.signal)
          const { name: host } = agent
          throw dispatchError(
            'dispatch.no-output',
            { host, run: record.run, status },
            { cause: error },
          )
        })
        const status = await recordStatus(deps, record, said)
        return runRow(record, agent, { status, contact: 'answered' }, now())
      },
    },
  }
}
