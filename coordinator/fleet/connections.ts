/** Checks and closes the connections of hosts, by peer id. */
import type { MusterNode } from '../../node/node.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Agents } from '../registry/agents.ts'

export interface Connections {
  /** True if the peer is connected and has a valid certificate. */
  isConnected(peerId: string): boolean
  /** True if the peer is connected from another address than this one. */
  isElsewhere(peerId: string, address: string): boolean
  /** Closes every connection of the peer. A running agent reconnects. */
  disconnect(peerId: string): void
  /**
   * Closes the connections of hosts whose status or labels changed. They reconnect at once and get
   * a certificate with the new status and labels.
   */
  renew(agents: readonly AgentId[]): void
}

export interface ConnectionsDeps {
  readonly node: Pick<MusterNode, 'peer'>
  readonly agents: Pick<Agents, 'byId'>
  readonly log: Logger
}

export function createConnections({ node, agents, log }: ConnectionsDeps): Connections {
  const close = async (peerId: string): Promise<void> => node.peer(peerId)?.close()
  const closeHosts = async (ids: readonly AgentId[]): Promise<void> => {
    for (const id of ids) {
      const agent = await agents.byId(id)
      if (agent !== undefined) await close(agent.peerId)
    }
  }
  return {
    isConnected: (peerId) => node.peer(peerId)?.member !== undefined,
    isElsewhere: (peerId, address) => (node.peer(peerId)?.address ?? address) !== address,
    disconnect: (peer) => {
      close(peer).catch((error: unknown) =>
        log.warn({ peer, error }, 'the connection of a host was not closed'),
      )
    },
    renew: (ids) => {
      closeHosts(ids).catch((error: unknown) =>
        log.warn({ error }, 'the connection of a host was not closed'),
      )
    },
  }
}
