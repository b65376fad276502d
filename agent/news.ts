/** The agent's part in gossip: follows the log's checkpoints as a witness and learns revocations early. Everything is checked as if nobody were honest. */
import { decode } from 'cborg'
import type { MusterNode } from '../node/node.ts'
import type { Verdict } from '../node/gossip.ts'
import type { TrustState } from '../node/trust-state.ts'
import { openClient } from '../protocols/call.ts'
import { audit } from '../protocols/audit/protocol.ts'
import { type Clock, rfc3339 } from '../shared/clock.ts'
import { MusterError } from '../shared/errors.ts'
import type { FleetId } from '../shared/ids.ts'
import { peerIdOfKey } from '../shared/identity/peer-id.ts'
import type { Logger } from '../shared/logger.ts'
import { trustError } from '../shared/trust/errors.ts'
import type { Revocation } from '../shared/trust/revocation.ts'
import { missingEpochs } from '../shared/trust/revocations.ts'
import { requireRevoker } from '../shared/trust/revoker.ts'
import { readSigned, type Signed } from '../shared/trust/signed.ts'
import { fromWire } from '../shared/trust/transport.ts'

export interface NewsDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: FleetId
  /** The coordinator to ask for proofs; undefined while there is none. */
  readonly coordinator: () => string | undefined
  /** Asks the coordinator for the revocations that are missing. */
  readonly pull: () => void
}

/** @returns a function that stops listening */
export function followNews(deps: NewsDeps, signal: AbortSignal): () => void {
  const { node, trust, log } = deps
  const offs = [
    node.gossip.on('audit', (message): Verdict => {
      try {
        const checkpoint = trust.openCheckpoint(Buffer.from(message.bytes).toString())
        witness(deps, checkpoint.note, signal).catch((error: unknown) => {
          // A log that shrank or forked is an attack or a restored backup; this host goes on to refuse orders that do not extend what it saw. The note
          // is signed: with the one that this host keeps it is the proof.
          if (!signal.aborted)
            log.error(
              { size: checkpoint.size, at: rfc3339(checkpoint.at), note: checkpoint.note, error },
              'a checkpoint does not extend the log that this host has seen',
            )
        })
        return 'accept'
      } catch (error) {
        log.debug({ author: message.author, error }, 'gossip that is no checkpoint')
        return 'reject'
      }
    }),
    node.gossip.on('policy', async (message): Promise<Verdict> => {
      let signed: Signed
      let revocation: Revocation
      try {
        signed = fromWire(decode(message.bytes))
        revocation = readSigned(signed, 'revocation', { fleet: deps.fleet })
      } catch (error) {
        log.debug({ author: message.author, error }, 'gossip that is no revocation of this fleet')
        return 'reject'
      }
      try {
        const { root, former } = trust.root()
        // The log hands out the numbers. Operators are believed to use no others; of anybody else a coordinator brings it, with the next order.
        if (requireRevoker(revocation, root, former) !== 'operator') return 'ignore'
        await trust.learn({ revocations: [signed] })
        if (missingEpochs(trust.revocations()).length > 0) deps.pull()
        return 'accept'
      } catch (error) {
        // What this host does not know yet, such as a new root, makes good news look bad: whoever passed them on is not blamed.
        if (trustError.is(error, 'trust.equivocation'))
          log.error({ author: message.author, error }, 'two revocations claim one number')
        // Any member can sign one that it may not sign; a warning for each would be its own to multiply.
        else log.debug({ author: message.author, error }, 'a revocation from gossip was not taken')
        return 'ignore'
      }
    }),
    // Agents pass each other's facts on; what they say is the coordinator's to judge, who said it is judged here.
    node.gossip.on('facts', (message): Verdict => {
      try {
        const signed = fromWire(decode(message.bytes))
        readSigned(signed, 'facts', { fleet: deps.fleet })
        return peerIdOfKey(signed.key) === message.author ? 'accept' : 'reject'
      } catch {
        return 'reject'
      }
    }),
  ]
  return () => {
    for (const off of offs) off()
  }
}

/** Accepts a checkpoint if it extends what is known, asking for the proof. A failure to ask is no finding; a proof that does not hold is. */
async function witness(deps: NewsDeps, note: string, signal: AbortSignal): Promise<void> {
  const { trust, node } = deps
  const checkpoint = trust.openCheckpoint(note)
  const known = await trust.log.known()
  if (known === undefined || known.size === checkpoint.size) return trust.log.accept(checkpoint)
  // News overtake each other; a smaller one that was signed earlier is old, one that was signed later is a log that shrank.
  if (checkpoint.size < known.size && checkpoint.at <= known.at) return
  // Nobody needs to be asked about it: it is refused, and said so.
  if (checkpoint.size < known.size) return trust.log.accept(checkpoint)
  const coordinator = deps.coordinator()
  if (coordinator === undefined) return
  let proof: Uint8Array[]
  try {
    const client = openClient(audit, await node.open(coordinator, audit.id, signal), deps)
    try {
      proof = (
        await client.call('consistency', { from: known.size, to: checkpoint.size }, { signal })
      ).proof
    } finally {
      // After a refusal too: streams that stay open are counted, and one day no proof could be asked for any more.
      await client.close().catch(() => undefined)
    }
  } catch (error) {
    if (error instanceof MusterError) return
    throw error
  }
  // Another checkpoint may have been accepted while the proof was on its way: then this one is no news any more.
  if ((await trust.log.known())?.size !== known.size) return
  await trust.log.accept(checkpoint, { from: known.size, to: checkpoint.size, hashes: proof })
}
