/** Connections of hosts, as the rest of the coordinator asks about them. */
import type { MusterNode } from '../../node/node.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Agents } from '../registry/agents.ts'

export interface Connections {
  /** Whether a member is connected with this peer id. */
  isConnected(peerId: string): boolean
  /** Whether the peer has another connection than the one from this address. */
  isElsewhere(peerId: string, address: string): boolean
  /** Ends every connection of the peer. An agent that runs dials again. */
  disconnect(peerId: string): void
  /**
   * Ends the connections of hosts whose status or labels changed. They come back at once and get a
   * certificate that states both.
   */
  renew(agents: readonly AgentId[]): void
}

export function createConnections(deps: {
  readonly node: Pick<MusterNode, 'peer'>
  readonly agents: Pick<Agents, 'byId'>
  readonly log: Logger
}): Connections {
  const { node, agents, log } = deps
  const closeEach = async (ids: readonly AgentId[]): Promise<void> => {
    for (const id of ids) {
      const agent = await agents.byId(id)
      if (agent !== undefined) await node.peer(agent.peerId)?.close()
    }
  }
  return {
    isConnected: (peerId) => node.peer(peerId)?.member !== undefined,
    isElsewhere: (peerId, address) => (node.peer(peerId)?.address ?? address) !== address,
    disconnect: (peerId) => {
      node
        .peer(peerId)
        ?.close()
        .catch((error: unknown) =>
          log.warn({ peer: peerId, error }, 'a host was not told to come back'),
        )
    },
    renew: (ids) => {
      closeEach(ids).catch((error: unknown) =>
        log.warn({ error }, 'a host was not told to come back'),
      )
    },
  }
}
