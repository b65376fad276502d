/**
 * Closes incoming connections of strangers that have had no Muster stream for {@link
 * STRANGER_IDLE_MS}.
 */
import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { STRANGER_IDLE_MS, STRANGER_SWEEP_MS } from './limits.ts'
import type { Membership } from '../membership/membership.ts'

export interface StrangerOptions {
  connections(): readonly Connection[]
  /** The time, for tests. Default: {@link STRANGER_IDLE_MS}. */
  idleMs?: number
}

/** Starts the watch. Returns a function that ends it. */
export function watchStrangers(
  deps: { clock: Clock; log: Logger; membership: Membership },
  options: StrangerOptions,
): () => void {
  const idleMs = options.idleMs ?? STRANGER_IDLE_MS
  const busyAt = new WeakMap<Connection, number>()
  const sweep = (): void => {
    const now = deps.clock.monotonic()
    for (const connection of options.connections()) {
      const peer = connection.remotePeer.toString()
      // member() also ends expired memberships.
      const idle =
        deps.membership.member(peer) === undefined &&
        connection.direction === 'inbound' &&
        !connection.streams.some(isMusterStream)
      const since = busyAt.get(connection)
      if (!idle || since === undefined) busyAt.set(connection, now)
      else if (now - since > idleMs) {
        deps.log.debug({ peer }, 'idle stranger disconnected')
        connection.close().catch((error: Error) => connection.abort(error))
      }
    }
  }
  return deps.clock.every(Math.min(STRANGER_SWEEP_MS, idleMs), sweep)
}

function isMusterStream(stream: { readonly protocol: string }): boolean {
  return stream.protocol.startsWith('/muster/')
}
