/** The events of a node's peers. */
import { createListeners, type Listeners } from './ground/listeners.ts'

/**
 * `connect`: a greeting with the peer has ended, in either direction. `disconnect`: the peer's last
 * connection ended. `member`, `stranger`: the peer's membership changed.
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
