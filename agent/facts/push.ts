/**
 * Sends a host's facts instead of waiting to be asked for them: for whoever wants to know that they
 * have arrived.
 */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import type { facts } from '../../protocols/facts/protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Journal } from './journal.ts'
import type { Report, SignedCollection } from './report.ts'

export type Pushed = 'applied' | 'known'

/** One data frame holds at most this. */
const PIECE_BYTES = 256 * 1024
/** The coordinator's reason for another set at a position that it knows (shared/facts/apply.ts). */
const OTHER_PAST = 'equivocation'

/**
 * Sends the newest set. A coordinator that knows more than this host's journal, or something else
 * in the same place, has seen a past that this host lost with its disk; then a new epoch begins,
 * once.
 * @throws inventory.*, protocol.*, facts.epoch
 */
export async function pushFacts(
  deps: { client: Client<typeof facts>; report: Report; journal: Journal },
  signal: AbortSignal,
): Promise<Pushed> {
  const { client, report, journal } = deps
  for (let again = false; ; again = true) {
    const full = journal.full()
    const collection = await report.collection()
    if (full === undefined) {
      // Nothing is known of the packages: the coordinator is told why.
      if (collection !== undefined) await tellCollection(client, collection, signal)
      return 'known'
    }
    const { signed, payload } = await report.sign(full)
    try {
      const { result, epoch, sequence } = await client.call(
        'push',
        { update: signed, ...collection },
        { signal, upload: pieces(payload) },
      )
      const isAhead = epoch > full.epoch || (epoch === full.epoch && sequence > full.sequence)
      if (!isAhead) return result === 'applied' ? 'applied' : 'known'
      // News of this very host may have overtaken us: then there is nothing to mend.
      const now = journal.position()
      if (again || (now !== undefined && now.epoch === epoch && now.sequence >= sequence))
        return 'known'
      await journal.since(epoch, sequence)
    } catch (error) {
      const isOtherPast =
        factsRefusal.is(error, 'inventory.refused') && error.data['reason'] === OTHER_PAST
      if (again || !isOtherPast) throw error
      await journal.since(full.epoch, full.sequence, '')
    }
  }
}

/** A coordinator of an older version doesn't take it, and shows the host as it did. */
export async function tellCollection(
  client: Client<typeof facts>,
  collection: SignedCollection,
  signal: AbortSignal,
): Promise<void> {
  await client.call('report', { ...collection }, { signal }).catch((error: unknown) => {
    if (!wireError.is(error, 'protocol.unsupported')) throw error
  })
}

async function* pieces(bytes: Uint8Array | undefined): AsyncIterable<Uint8Array> {
  for (let at = 0; bytes !== undefined && at < bytes.length; at += PIECE_BYTES)
    yield bytes.subarray(at, at + PIECE_BYTES)
}
