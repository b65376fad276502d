/** Announces new checkpoints and revocations in gossip. Agents and observers verify them. */
import { encode } from 'cborg'
import type { MusterNode } from '../../node/node.ts'
import type { Logger } from '../../shared/logger.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Access } from '../registry/access.ts'

/**
 * Announces by gossip. Failures are only logged. A node that misses an announcement gets the same
 * content with the next intent or connection.
 */
export interface Announcer {
  checkpoint(note: string): void
  /** Announces the revocations that are new since the last call. */
  revocations(): void
}

/**
 * @param from the revocation epoch at the start of this coordinator. Hosts get older revocations
 * when they connect.
 */
export function createAnnouncer(
  deps: { node: MusterNode; access: Access; log: Logger },
  from: number,
): Announcer {
  const { node, access, log } = deps
  // gossipsub may throw anything after it has stopped. An uncaught error would end the coordinator.
  const publish = (topic: 'audit' | 'policy', bytes: Uint8Array): Promise<void> =>
    node.gossip
      .publish(topic, bytes)
      .catch((error: unknown) => log.debug({ topic, error }, 'an announcement was not published'))
  // Owned by announceRevocations(): the last epoch that was announced.
  let announced = from
  const announceRevocations = async (): Promise<void> => {
    // More than one revocation may be new, and the hosts need all of them.
    for (const signed of await access.revocationsAfter(announced)) {
      const { epoch } = readSigned(signed, 'revocation')
      // Another call may already have announced this revocation.
      if (epoch <= announced) continue
      announced = epoch
      await publish('policy', encode(toWire(signed)))
    }
  }
  return {
    checkpoint: (note) => void publish('audit', Buffer.from(note)),
    revocations: () => {
      announceRevocations().catch((error: unknown) =>
        log.warn({ error }, 'a revocation was not announced'),
      )
    },
  }
}

/** Returns the same log. It announces each new checkpoint. */
export function announcedLedger(ledger: Ledger, announcer: Pick<Announcer, 'checkpoint'>): Ledger {
  return {
    ...ledger,
    checkpoint: async (signal) => {
      const before = ledger.published()?.size
      const made = await ledger.checkpoint(signal)
      if (made.size !== before) announcer.checkpoint(made.note)
      return made
    },
  }
}
