/**
 * Brings an operation to its hosts with everything that they need to check it, and brings back the outcome that each one signed. What a host did is
 * only ever said by that host: without its signed outcome the result is `failed` where it was never reached, and `unknown` where it may have been.
 */
import { type Client, openClient } from '../../protocols/call.ts'
import { command } from '../../protocols/command/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Json } from '../../shared/canonical-json.ts'
import type { Clock } from '../../shared/clock.ts'
import { concurrently } from '../../shared/concurrently.ts'
import { type ErrorData, type ErrorValue, MusterError } from '../../shared/errors.ts'
import { agentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { LoggedOperation, TargetResult } from '../operations/operation.ts'
import type { Access } from '../registry/access.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { dispatchError } from './errors.ts'

/** Hosts that are spoken to at once: more would only queue in the event loop. */
const PARALLEL_HOSTS = 32
/** After a restart, hosts come back within seconds; one that has not answered by then is asked no further. */
const PROBE_MS = 30_000
/** Between two looks at whether the host is back. */
const AGAIN_MS = 500
/** A host's position moves once for each order that others bring at the same moment. */
const PRESENT_ATTEMPTS = 16
/** The agent's error code (agent/commands/errors.ts), which crosses the wire. */
const POSITION_MOVED = 'command.position-moved'

export interface DispatchDeps {
  readonly ledger: Ledger
  readonly access: Access
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
  /** Opens a protocol towards a connected node. Rejects with an `unreachable` error where it is not connected. */
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
}

export interface Dispatch {
  /** Brings the operation to each of its targets. */
  deliver(operation: LoggedOperation, signal: AbortSignal): Promise<TargetResult[]>
  /** Asks each target for the outcome that it signed, without doing anything. */
  probe(operation: LoggedOperation, signal: AbortSignal): Promise<TargetResult[]>
  /** A client of the host's command protocol. @throws dispatch.offline */
  connect(agent: AgentRecord, signal: AbortSignal): Promise<Client<typeof command>>
}

export function createDispatch(deps: DispatchDeps): Dispatch {
  const connect = async (agent: AgentRecord, signal: AbortSignal): Promise<Client<typeof command>> => {
    try {
      return openClient(command, await deps.open(agent.peerId, command.id, signal), deps)
    } catch (cause) {
      signal.throwIfAborted()
      throw dispatchError('dispatch.offline', { host: agent.name }, { cause })
    }
  }

  const each = (operation: LoggedOperation, job: (agent: AgentRecord) => Promise<TargetResult>): Promise<TargetResult[]> =>
    concurrently(operation.targets, PARALLEL_HOSTS, async (target) => {
      const agent = await deps.agents.byId(agentId.parse(target))
      if (agent === undefined) return failed(target, dispatchError('dispatch.offline', { host: target }))
      try {
        return await job(agent)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return failed(target, error)
      }
    })

  const deliverTo = async (operation: LoggedOperation, agent: AgentRecord, signal: AbortSignal): Promise<TargetResult> => {
    const client = await connect(agent, signal)
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return fromOutcome(operation, agent, await present(client, operation, signal))
        } catch (error) {
          // Another order reached the host first and moved its position in the log: prove again from there.
          if (!(error instanceof MusterError && error.code === POSITION_MOVED) || attempt === PRESENT_ATTEMPTS) throw error
        }
      }
    } catch (error) {
      deps.log.warn({ host: agent.name, operation: operation.id, error }, 'order was not answered')
      if (!(error instanceof MusterError)) throw error
      // A connection that ended while the order was with the host: only the host knows whether it acted. Any other refusal came before it could.
      return { ...failed(agent.id, error), result: error.exit === 'unreachable' ? 'unknown' : 'failed' }
    } finally {
      await client.close().catch(() => undefined)
    }
  }

  const present = async (client: Client<typeof command>, operation: LoggedOperation, signal: AbortSignal): Promise<Signed> => {
    const position = await client.call('position', {}, { signal })
    const checkpoint = deps.ledger.published() ?? (await deps.ledger.checkpoint(signal))
    const evidence = await deps.access.evidence()
    const request = {
      intent: operation.signed,
      entry: await entryBytes(deps.ledger, operation.index),
      index: operation.index,
      inclusion: [...(await deps.ledger.prove(operation.index, checkpoint.size)).hashes],
      checkpoint: checkpoint.note,
      consistency: position.size === 0 ? [] : [...(await deps.ledger.consistency(position.size, checkpoint.size)).hashes],
      consistentFrom: position.size,
      roots: evidence.roots.map((versions) => [...versions]),
      grants: [...evidence.grants],
      revocations: [...evidence.revocations],
    }
    return (await client.call('perform', request, { signal })).outcome
  }

  const probeOne = async (operation: LoggedOperation, agent: AgentRecord, outer: AbortSignal): Promise<TargetResult> => {
    const signal = AbortSignal.any([outer, deps.clock.timeout(PROBE_MS)])
    try {
      const client = await connectSoon(agent, signal)
      try {
        const { outcome } = await client.call('probe', { operation: operation.id }, { signal })
        return outcome === undefined
          ? failed(agent.id, dispatchError('dispatch.failed', { host: agent.name, reason: 'the order never arrived' }))
          : fromOutcome(operation, agent, outcome)
      } finally {
        await client.close().catch(() => undefined)
      }
    } catch (error) {
      outer.throwIfAborted()
      const known = error instanceof MusterError ? error : dispatchError('dispatch.offline', { host: agent.name }, { cause: error })
      return { ...failed(agent.id, known), result: 'unknown' }
    }
  }

  /** Waits for a host that is on its way back. */
  const connectSoon = async (agent: AgentRecord, signal: AbortSignal): Promise<Client<typeof command>> => {
    for (;;) {
      try {
        return await connect(agent, signal)
      } catch (error) {
        if (!dispatchError.is(error, 'dispatch.offline')) throw error
        await deps.clock.sleep(AGAIN_MS, signal)
      }
    }
  }

  return {
    connect,
    deliver: (operation, signal) => each(operation, (agent) => deliverTo(operation, agent, signal)),
    probe: (operation, signal) => each(operation, (agent) => probeOne(operation, agent, signal)),
  }
}

async function entryBytes(ledger: Ledger, index: number): Promise<Uint8Array> {
  for await (const { bytes } of ledger.entries(index, index + 1)) return bytes
  throw new Error(`the log has no entry ${index}`)
}

function failed(target: string, error: MusterError): TargetResult {
  return { target, result: 'failed', detail: {}, error: { code: error.code, data: error.data } }
}

/** What a host's signed outcome says. @throws dispatch.bad-outcome where it is not that host's, or about something else */
function fromOutcome(operation: LoggedOperation, agent: AgentRecord, signed: Signed): TargetResult {
  const bad = (reason: string, cause?: unknown): Error => dispatchError('dispatch.bad-outcome', { host: agent.name, reason }, { cause })
  if (!Buffer.from(signed.key).equals(agent.publicKey)) throw bad('it is signed by another key than the host’s')
  try {
    const outcome = readSigned(signed, 'outcome')
    if (outcome.operation !== operation.id || outcome.target !== agent.id || outcome.verb !== operation.verb)
      throw bad('it is about another order')
    const { error, ...detail } = outcome.detail
    return {
      target: agent.id,
      result: outcome.result,
      detail: plain(detail),
      signed,
      ...(outcome.result === 'done' ? {} : { error: hostError(agent, outcome.result, error) }),
    }
  } catch (error) {
    throw dispatchError.is(error) ? error : bad(error instanceof MusterError ? error.message : 'it is malformed', error)
  }
}

/** A host's reason as one of our own errors, so that it reads the same whichever side raised it. */
function hostError(agent: AgentRecord, result: string, error: Json | undefined): { code: string; data: ErrorData } {
  const reason = typeof error === 'string' ? error : 'it gave no reason'
  const code = result === 'refused' ? 'dispatch.refused' : 'dispatch.failed'
  return { code, data: { host: agent.name, reason } }
}

function plain(detail: Readonly<Record<string, Json>>): Record<string, ErrorValue> {
  return Object.fromEntries(
    Object.entries(detail).map(([key, value]) => [key, typeof value === 'object' && value !== null ? JSON.stringify(value) : value]),
  )
}
