/** Sends a host's facts to a coordinator, for callers that need its response. */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import type { facts } from '../../protocols/facts/protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Journal } from './journal.ts'
import { payloadFrames } from './payload-frames.ts'
import type { Report, SignedCollection } from './report.ts'

export type Pushed = 'applied' | 'known'

/** The coordinator has another set at this position (shared/facts/apply.ts). */
const OTHER_PAST = 'equivocation'

/**
 * Sends the newest set. If the coordinator has a higher position, or another set at this position,
 * this host lost a part of its history. The host then begins a new epoch, once.
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
      // The packages are unknown, so the coordinator gets the reason.
      if (collection !== undefined) await sendCollection(client, collection, signal)
      return 'known'
    }
    const { signed, payload } = await report.sign(full)
    try {
      const { result, epoch, sequence } = await client.call(
        'push',
        { update: signed, ...collection },
        { signal, upload: uploadOf(payload) },
      )
      const isAhead = epoch > full.epoch || (epoch === full.epoch && sequence > full.sequence)
      if (!isAhead) return result === 'applied' ? 'applied' : 'known'
      // A newer update of this host may have arrived first. That is normal.
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

/**
 * Sends a collection. A coordinator of an older version rejects it and shows the host as before.
 */
export async function sendCollection(
  client: Client<typeof facts>,
  collection: SignedCollection,
  signal: AbortSignal,
): Promise<void> {
  await client.call('report', { ...collection }, { signal }).catch((error: unknown) => {
    if (!wireError.is(error, 'protocol.unsupported')) throw error
  })
}

async function* uploadOf(bytes: Uint8Array | undefined): AsyncIterable<Uint8Array> {
  yield* payloadFrames(bytes)
}
