/** Answers about runs. The agent's runner knows best; the coordinator asks it where it is connected and says what it last heard where not. */
import type { control } from '../../protocols/control/protocol.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import type { Handlers } from '../../protocols/define-protocol.ts'
import { openClient } from '../../protocols/call.ts'
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { isTerminal, runWords } from '../../shared/run-words.ts'
import { output } from '../../protocols/output/protocol.ts'
import type { Target } from '../../protocols/peer.ts'
import type { Clock } from '../../shared/clock.ts'
import { concurrently } from '../../shared/concurrently.ts'
import { MusterError } from '../../shared/errors.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Dispatch, DispatchDeps } from '../dispatch/dispatch.ts'
import { dispatchError } from '../dispatch/errors.ts'
import { heardOf } from '../dispatch/heard.ts'
import type { RunRecord, Runs } from '../dispatch/runs.ts'
import type { Access } from '../registry/access.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { registryError } from '../registry/errors.ts'
import { whileAllowed } from './standing.ts'

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

/** A connected host that does not answer within this is shown as it was last heard of. */
const ASK_MS = 5_000
const PARALLEL_HOSTS = 32

export function runHandlers(deps: RunDeps): RunHandlers {
  const { agents, runs } = deps

  /** Where the run is, for authorisation. Whoever may see every host's runs learns that there is none; others get the same refusal either way (PC-27). */
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

  /** Asks the host for the states of its runs and writes down what it says. */
  const refresh = async (
    agent: AgentRecord | undefined,
    of: readonly RunRecord[],
    outer: AbortSignal,
  ): Promise<Map<string, RunStatusMessage>> => {
    const answers = new Map<string, RunStatusMessage>()
    if (agent === undefined || agent.status === 'revoked' || of.length === 0) return answers
    const signal = AbortSignal.any([outer, deps.clock.timeout(ASK_MS)])
    try {
      const client = await deps.dispatch.connect(agent, signal)
      const { runs: states } = await client
        .call('status', { runs: of.map((run) => run.run) }, { signal })
        .finally(() => void client.close().catch(() => undefined))
      for (const [run, heard] of heardOf(
        of.map((record) => record.run),
        states,
      )) {
        answers.set(run, heard)
        await runs.update(agent.id, heard)
      }
    } catch (error) {
      outer.throwIfAborted()
      if (!(error instanceof MusterError) && !signal.aborted) throw error
    }
    return answers
  }

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
    const agent = await agents.byId(record.agent)
    const answer = (await refresh(agent, [record], signal)).get(record.run)
    return row(record, agent, answer)
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
          if (registryError.is(error)) return [{}]
          throw error
        }
      },
      async run({ on, all }, context) {
        const chosen =
          on === undefined ? undefined : (await agents.select(on)).map((agent) => agent.id)
        const records = await runs.list({ ...(chosen ? { agents: chosen } : {}), all })
        const byAgent = Map.groupBy(records, (record) => record.agent)
        const rows = await concurrently([...byAgent], PARALLEL_HOSTS, async ([id, own]) => {
          const agent = await agents.byId(id)
          const answers = await refresh(
            agent,
            own.filter((record) => !isTerminal(record.state)).slice(0, 1000),
            context.signal,
          )
          return own.map((record) => row(record, agent, answers.get(record.run)))
        })
        return {
          runs: rows.flat().filter((one) => all || !isTerminal(one.state as RunRecord['state'])),
        }
      },
    },

    'run.output': {
      targets: ({ run }) => targetOf(run),
      async run(request, context) {
        const record = await runs.find(request.run)
        const agent = await agents.byId(record.agent)
        if (record.state === 'failed to start') return row(record, agent, undefined)
        if (agent === undefined) throw dispatchError('dispatch.offline', { host: record.agent })
        if (agent.status === 'revoked')
          throw dispatchError('dispatch.revoked', { host: agent.name })
        const right = { namespace: 'run', target: () => agentTarget(record.agent) } as const
        const said = await whileAllowed(deps, context, right, (signal) =>
          read(agent, record, request, { ...context, signal }),
        )
        const heard = heardOf([record.run], [said]).get(record.run)
        if (heard !== undefined) await runs.update(agent.id, heard)
        return row(record, agent, heard)
      },
    },
  }
}

function row(
  record: RunRecord,
  agent: AgentRecord | undefined,
  answer: RunStatusMessage | undefined,
): RunRow {
  const known = answer ?? {
    state: record.state,
    exitCode: record.exitCode,
    signal: record.signal,
    reason: record.reason,
  }
  return {
    run: record.run,
    host: agent?.name ?? record.agent,
    agent: record.agent,
    command: [...record.command],
    name: record.name,
    status: runWords(known),
    state: known.state,
    startedAt: answer?.startedAt ?? record.startedAt,
    endedAt: answer?.endedAt ?? record.endedAt,
    exitCode: known.exitCode,
    signal: known.signal,
    outputBytes: answer ? answer.stdoutBytes + answer.stderrBytes : record.outputBytes,
    droppedBytes: answer?.droppedBytes ?? 0,
    limits: answer?.limits ?? null,
    reason: known.reason,
    ...(answer?.unenforced === undefined ? {} : { unenforced: answer.unenforced }),
    actor: record.actor,
  }
}
