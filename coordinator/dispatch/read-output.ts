/** Reads the output of a run from its host. The runner there keeps the output. */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { outputRefusal } from '../../protocols/output/errors.ts'
import { output } from '../../protocols/output/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { isTerminal } from '../../shared/describe-run.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { askHost, recordStatus } from './ask-host.ts'
import type { DispatchDeps } from './dispatch.ts'
import { dispatchError } from './errors.ts'
import { runRow, type RunRowsDeps } from './run-rows.ts'
import type { RunRecord } from './run-record.ts'

export interface ReadOutputDeps extends RunRowsDeps {
  readonly open: DispatchDeps['open']
}

export interface OutputRequest {
  /** Waits for more output until the run ends. */
  readonly follow: boolean
  /** The offset of the first byte to read in each stream. */
  readonly stdout: number
  readonly stderr: number
}

export interface OutputCaller {
  readonly signal: AbortSignal
  readonly send: (bytes: Uint8Array) => Promise<void>
  /** Runs `work` with a signal that aborts once the caller loses the right to observe the run. */
  whileAllowed<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/**
 * Sends the output to the caller. Returns the state of the run after the last byte.
 * @throws dispatch.offline, dispatch.revoked, dispatch.no-output
 */
export async function readOutput(
  deps: ReadOutputDeps,
  record: RunRecord,
  request: OutputRequest,
  caller: OutputCaller,
): Promise<RunRow> {
  const agent = await deps.agents.byId(record.agent)
  const now = (): string => rfc3339(deps.clock.now())
  if (record.state === 'failed to start')
    return runRow(record, agent, { contact: 'answered' }, now())
  const host = requireReachable(agent, record)
  const sent = await caller
    .whileAllowed((signal) =>
      callHost(deps, { host, record, request }, { signal, onData: caller.send }),
    )
    .catch(async (error: unknown) => {
      if (!outputRefusal.is(error, 'runner.unknown-run')) throw error
      const { status } = await currentRow(deps, record, caller.signal)
      const about = { host: host.name, run: record.run, status }
      throw dispatchError('dispatch.no-output', about, { cause: error })
    })
  const status = await recordStatus(deps, record, sent)
  return runRow(record, agent, { status, contact: 'answered' }, now())
}

/** @throws dispatch.unknown-run */
export async function currentRow(
  deps: RunRowsDeps,
  record: RunRecord,
  signal: AbortSignal,
): Promise<RunRow> {
  const agent = await deps.agents.byId(record.agent)
  const over = isTerminal(record.state)
  const { statuses, contact } = await askHost(deps, agent, over ? [] : [record], signal)
  const status = statuses.get(record.run)
  // An outcome may have been stored while the host was asked.
  const current = over || status !== undefined ? record : await deps.runs.find(record.run)
  return runRow(current, agent, { status, contact }, rfc3339(deps.clock.now()))
}

function requireReachable(agent: AgentRecord | undefined, record: RunRecord): AgentRecord {
  if (agent === undefined) throw dispatchError('dispatch.offline', { host: record.agent })
  if (agent.status === 'revoked') throw dispatchError('dispatch.revoked', { host: agent.name })
  return agent
}

async function callHost(
  deps: ReadOutputDeps,
  {
    host,
    record,
    request,
  }: { readonly host: AgentRecord; readonly record: RunRecord; readonly request: OutputRequest },
  { signal, onData }: { signal: AbortSignal; onData: (bytes: Uint8Array) => Promise<void> },
): Promise<RunStatusMessage> {
  const duplex = await deps.open(host.peerId, output.id, signal).catch((cause: unknown) => {
    throw dispatchError('dispatch.offline', { host: host.name }, { cause })
  })
  const client = openClient(output, duplex, deps)
  const { follow, stdout, stderr } = request
  try {
    const body = { run: record.run, follow, stdout, stderr }
    return (await client.call('read', body, { signal, onData })).status
  } finally {
    // Close the stream after a refusal too. A host accepts only a few open streams.
    await client.close().catch(() => undefined)
  }
}
