/**
 * The coordinator's part in gossip: takes hosts' facts, tells of new checkpoints and revocations.
 * News only; agents and observers check what they hear.
 */
import { decode, encode } from 'cborg'
import type { MusterNode } from '../../node/node.ts'
import type { Verdict } from '../../node/gossip.ts'
import type { FactPosition } from '../../shared/facts/update.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import type { Logger } from '../../shared/logger.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { fromWire, toWire } from '../../shared/trust/transport.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { VerifiedFacts } from '../inventory/verified-facts.ts'
import type { Access } from '../registry/access.ts'

export interface FactGossipDeps {
  readonly node: MusterNode
  readonly ingest: Ingest
  readonly log: Logger
}

interface News extends FactPosition {
  readonly facts: VerifiedFacts
}

/**
 * Takes facts from gossip. A host speaks for itself only: author, signing key and statement must
 * agree (FG-01).
 */
export function acceptFactGossip(deps: FactGossipDeps, signal: AbortSignal): () => void {
  // Owned by take(): the newest news of each author whose last ones are still being applied. What
  // it replaced shows as a gap, which a pull fills; so a host that talks faster than the database
  // writes costs one statement of memory.
  const waiting = new Map<string, { next: News | undefined }>()
  const take = async (author: string, news: News): Promise<void> => {
    const busy = waiting.get(author)
    if (busy !== undefined) {
      // By the host's own count: somebody who repeats its older news must not drive out the newest.
      if (
        busy.next === undefined ||
        busy.next.epoch < news.epoch ||
        (busy.next.epoch === news.epoch && busy.next.sequence < news.sequence)
      )
        busy.next = news
      return
    }
    const mine: { next: News | undefined } = { next: news }
    waiting.set(author, mine)
    while (mine.next !== undefined) {
      const { facts } = mine.next
      mine.next = undefined
      await deps.ingest
        .acceptGossip(facts, signal)
        .catch((error: unknown) =>
          deps.log.warn({ author, error }, 'facts from gossip were not taken'),
        )
    }
    waiting.delete(author)
  }
  return deps.node.gossip.on('facts', (message): Verdict => {
    try {
      const signed = fromWire(decode(message.bytes))
      const facts = deps.ingest.verify(signed)
      const { epoch, sequence } = facts.statement
      if (peerIdOfKey(signed.key) !== message.author) return 'reject'
      // Passed on before it is applied: others can judge it as well as we can.
      void take(message.author, { facts, epoch, sequence })
      return 'accept'
    } catch (error) {
      deps.log.debug({ author: message.author, error }, 'gossip that is no facts statement')
      return 'reject'
    }
  })
}

export interface Announcer {
  checkpoint(note: string): void
  revocations(): void
}

/**
 * Tells the fleet. Failures are logged: whoever missed it learns it with the next order or
 * connection.
 * @param from the revocation epoch when this coordinator began: hosts learn what is older as they
 * connect
 */
export function createAnnouncer(
  deps: { node: MusterNode; access: Access; log: Logger },
  from: number,
): Announcer {
  const publish = (topic: 'audit' | 'policy', bytes: Uint8Array): Promise<void> =>
    // Gossip that has stopped throws what it likes, and nobody waits for this: an error that went
    // on from here would end the coordinator.
    deps.node.gossip
      .publish(topic, bytes)
      .catch((error: unknown) => deps.log.debug({ topic, error }, 'news were not published'))
  // Owned by revocations(): the last epoch that was told of.
  let told = from
  return {
    checkpoint: (note) => void publish('audit', Buffer.from(note)),
    revocations: () =>
      void (async () => {
        // All since the last time: of two that come at once, the hosts need both.
        for (const signed of await deps.access.revocationsAfter(told)) {
          const { epoch } = readSigned(signed, 'revocation')
          if (epoch <= told) continue
          told = epoch
          await publish('policy', encode(toWire(signed)))
        }
      })().catch((error: unknown) => deps.log.warn({ error }, 'a revocation was not announced')),
  }
}

/** The same log, which tells the fleet of each checkpoint that it makes. */
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
