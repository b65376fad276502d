/** Both sides of `/muster/hello/1`. Each connection begins with a greeting in one direction. */
import { hello } from '../protocols/hello/protocol.ts'
import { openClient } from '../protocols/rpc/call.ts'
import type { Handlers } from '../protocols/rpc/define-protocol.ts'
import { requirePeerId } from '../protocols/rpc/peer.ts'
import type { Clock } from '../shared/clock.ts'
import { defined } from '../shared/defined.ts'
import type { Logger } from '../shared/logger.ts'
import type { Connections } from './connections.ts'
import type { NodeEvents } from './events.ts'
import { DIAL_MS } from './libp2p/limits.ts'
import type { Membership } from './membership/membership.ts'

export interface GreeterDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly membership: Membership
  readonly connections: Connections
  readonly events: NodeEvents
}

export interface Greeter {
  /** Greets a connected peer and stores its response. @throws the errors of opening and calling */
  greet(peer: string, signal?: AbortSignal): Promise<void>
  /** Greets all connected peers. Failures are logged. */
  greetAll(): Promise<void>
  /**
   * Resolves when the greeting of this peer that is under way has ended, also if it failed.
   * Undefined if none is under way.
   */
  underWay(peer: string): Promise<unknown> | undefined
  readonly handlers: Handlers<typeof hello>
}

export function createGreeter(deps: GreeterDeps): Greeter {
  const { membership, connections, events, log } = deps
  const running = new Map<string, Promise<void>>()
  const call = async (peer: string, signal?: AbortSignal): Promise<void> => {
    const client = openClient(hello, await connections.openStream(peer, hello.id, signal), deps)
    try {
      const answer = await client.call('greet', membership.introduce(), defined({ signal }))
      membership.learn(peer, answer)
      if (answer.refused !== undefined)
        log.warn({ peer, reason: answer.refused }, 'the peer rejected our certificate')
    } finally {
      await client.close().catch(() => undefined)
    }
  }
  const greet = async (peer: string, signal?: AbortSignal): Promise<void> => {
    const mine = call(peer, signal)
    running.set(peer, mine)
    try {
      await mine
    } finally {
      if (running.get(peer) === mine) running.delete(peer)
    }
    events.emit('connect', peer)
  }
  return {
    greet,
    greetAll: async () => {
      const greetings = await Promise.allSettled(
        connections.ids().map((peer) => greet(peer, deps.clock.timeout(DIAL_MS))),
      )
      for (const item of greetings)
        if (item.status === 'rejected') log.debug({ error: item.reason }, 'greeting failed')
    },
    underWay: (peer) => running.get(peer)?.catch(() => undefined),
    handlers: {
      greet: async (greeting, context) => {
        const answer = await membership.handlers.greet(greeting, context)
        events.emit('connect', requirePeerId(context.peer))
        return answer
      },
    },
  }
}
