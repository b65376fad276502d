/** Opens clients of a host's command protocol, over the connection that the host opened. */
import { command } from '../../protocols/command/protocol.ts'
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { dispatchError } from './errors.ts'

/** The time between two attempts to reach a host that may reconnect. */
const RETRY_MS = 500

export interface HostClientDeps {
  readonly clock: Clock
  /** Opens a protocol to a connected node. Rejects if the node is not connected. */
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
  /** Addresses of the machines that run as this host, if there is more than one. */
  readonly copies?: (peerId: string) => readonly string[] | undefined
}

/** @throws dispatch.offline, dispatch.copied */
export async function connectHost(
  deps: HostClientDeps,
  agent: AgentRecord,
  signal: AbortSignal,
): Promise<Client<typeof command>> {
  const addresses = deps.copies?.(agent.peerId)
  // Only one of the machines would get the intent, and the other one would sign a refusal.
  if (addresses !== undefined)
    throw dispatchError('dispatch.copied', { host: agent.name, addresses })
  try {
    return openClient(command, await deps.open(agent.peerId, command.id, signal), deps)
  } catch (cause) {
    signal.throwIfAborted()
    throw dispatchError('dispatch.offline', { host: agent.name }, { cause })
  }
}

/** Waits until the host is connected. @throws dispatch.copied, or the signal's reason */
export async function awaitHost(
  deps: HostClientDeps,
  agent: AgentRecord,
  signal: AbortSignal,
): Promise<Client<typeof command>> {
  for (;;) {
    try {
      return await connectHost(deps, agent, signal)
    } catch (error) {
      if (!dispatchError.is(error, 'dispatch.offline')) throw error
      await deps.clock.sleep(RETRY_MS, signal)
    }
  }
}
