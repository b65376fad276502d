/** The events of a node's peers. */
import { createListeners, type Listeners } from './ground/listeners.ts'

/**
 * `connect`: a peer has greeted or was greeted. `disconnect`: its last connection ended. `member`,
 * `stranger`: its membership changed.
 */
export type NodeEvent = 'connect' | 'disconnect' | 'member' | 'stranger'

export interface NodeEvents {
  emit(event: NodeEvent, peer: string): void
  on(event: NodeEvent, listener: (peer: string) => void): () => void
}

export function createNodeEvents(): NodeEvents {
  const events = {
    connect: createListeners<[peer: string]>(),
    disconnect: createListeners<[peer: string]>(),
    member: createListeners<[peer: string]>(),
    stranger: createListeners<[peer: string]>(),
  } satisfies Record<NodeEvent, Listeners<[peer: string]>>
  return {
    emit: (event, peer) => events[event].emit(peer),
    on: (event, listener) => events[event].on(listener),
  }
}
