/**
 * Accepts facts of hosts from gossip. A host may send facts only about itself, so author, signing
 * key and statement must belong to the same host (FG-01).
 */
import { decode } from 'cborg'
import type { Verdict } from '../../node/gossip.ts'
import type { MusterNode } from '../../node/node.ts'
import type { FactPosition } from '../../shared/facts/update.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import type { Logger } from '../../shared/logger.ts'
import { fromWire } from '../../shared/trust/transport.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { VerifiedFacts } from '../inventory/verified-facts.ts'

export interface FactGossipDeps {
  readonly node: MusterNode
  readonly ingest: Ingest
  readonly log: Logger
}

/** @returns a function that stops the acceptance */
export function acceptFactGossip(deps: FactGossipDeps, signal: AbortSignal): () => void {
  const { node, ingest, log } = deps
  const newest = new NewestFacts((author, facts) =>
    ingest
      .acceptGossip(facts, signal)
      .catch((error: unknown) => log.warn({ author, error }, 'facts from gossip were not applied')),
  )
  return node.gossip.on('facts', ({ author, bytes }): Verdict => {
    try {
      const signed = fromWire(decode(bytes))
      const facts = ingest.verify(signed)
      if (peerIdOfKey(signed.key) !== author) return 'reject'
      // Gossip forwards the statement before it is applied here. Each node verifies it.
      newest.add(author, facts)
      return 'accept'
    } catch (error) {
      log.debug({ author, error }, 'gossip that is not a facts statement')
      return 'reject'
    }
  })
}

/**
 * Applies the statements of each author one after the other. While one is applied, only the newest
 * later statement is kept. The dropped statements leave a gap, which a pull fills. So a host that
 * sends faster than the database writes needs the memory of only one statement.
 */
class NewestFacts {
  readonly #apply: (author: string, facts: VerifiedFacts) => Promise<void>
  /**
   * The waiting statement of each author. The key is present while a statement of the author is
   * applied.
   */
  readonly #waiting = new Map<string, VerifiedFacts | undefined>()

  constructor(apply: (author: string, facts: VerifiedFacts) => Promise<void>) {
    this.#apply = apply
  }

  add(author: string, facts: VerifiedFacts): void {
    if (!this.#waiting.has(author)) {
      this.#waiting.set(author, facts)
      void this.#applyAll(author)
      return
    }
    const other = this.#waiting.get(author)
    // Compares the host's sequence numbers. A peer that repeats older statements must not replace
    // the newest one.
    if (other === undefined || isNewer(facts.statement, other.statement))
      this.#waiting.set(author, facts)
  }

  async #applyAll(author: string): Promise<void> {
    for (
      let facts = this.#waiting.get(author);
      facts !== undefined;
      facts = this.#waiting.get(author)
    ) {
      this.#waiting.set(author, undefined)
      await this.#apply(author, facts)
    }
    this.#waiting.delete(author)
  }
}

function isNewer(a: FactPosition, b: FactPosition): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence)
}
