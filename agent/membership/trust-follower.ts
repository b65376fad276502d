/**
 * The agent's part in gossip: follows the log's checkpoints as a witness and learns revocations
 * early. Everything is checked; no sender is trusted.
 */
import { decode } from 'cborg'
import type { MusterNode } from '../../node/node.ts'
import type { Verdict } from '../../node/gossip.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { audit } from '../../protocols/audit/protocol.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { auditError } from '../../shared/audit/errors.ts'
import { type Offered, requireAccepted } from '../../shared/audit/follower.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { FleetId } from '../../shared/ids.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import type { Logger } from '../../shared/logger.ts'
import { storageError } from '../../shared/storage/storage-error.ts'
import { trustError } from '../../shared/trust/errors.ts'
import type { Revocation } from '../../shared/trust/revocation.ts'
import { missingEpochs } from '../../shared/trust/revocations.ts'
import { requireRevoker } from '../../shared/trust/revoker.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { fromWire } from '../../shared/trust/transport.ts'

/** Proofs for one checkpoint. Each but the first is needed because an order moved the newest. */
const MAX_ROUNDS = 8
/** Checkpoints that wait to be compared: a fleet makes a few a second. One more brings no news. */
const MAX_WAITING = 64

export interface TrustFollowerDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: FleetId
  /** The coordinator to ask for proofs; undefined while there is none. */
  readonly coordinator: () => string | undefined
  /** Asks the coordinator for the revocations that are missing. */
  readonly pull: () => void
  /** Called when this host's disk did not take something. */
  readonly onStorageFailure?: () => void
}

/** @returns a function that stops listening */
export function followTrust(deps: TrustFollowerDeps, signal: AbortSignal): () => void {
  const { node, trust, log } = deps
  const compare = comparing(deps, signal)
  const offs = [
    node.gossip.on('audit', (message): Verdict => {
      try {
        compare(trust.openCheckpoint(Buffer.from(message.bytes).toString()))
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
        // The log hands out the numbers. Operators are believed to use no others; of anybody else a
        // coordinator brings it, with the next order.
        if (requireRevoker(revocation, root, former) !== 'operator') return 'ignore'
        await trust.learn({ revocations: [signed] })
        if (missingEpochs(trust.revocations()).length > 0) deps.pull()
        return 'accept'
      } catch (error) {
        // What this host does not know yet, such as a new root, makes good news look bad: whoever
        // passed them on is not blamed.
        if (storageError.is(error)) {
          log.error({ error }, 'a revocation counts in memory only: the disk did not take it')
          deps.onStorageFailure?.()
          return 'accept'
        }
        if (trustError.is(error, 'trust.equivocation'))
          log.error({ author: message.author, error }, 'two revocations claim one number')
        // Any member can sign one that it may not sign; a warning for each would be its own to
        // multiply.
        else log.debug({ author: message.author, error }, 'a revocation from gossip was not taken')
        return 'ignore'
      }
    }),
    // Agents pass each other's facts on; what they say is the coordinator's to judge, who said it
    // is judged here.
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

/** Compares checkpoints one after the other, so that each needs at most one proof at a time. */
function comparing(deps: TrustFollowerDeps, signal: AbortSignal): (checkpoint: Checkpoint) => void {
  let last = Promise.resolve()
  let waiting = 0
  return (checkpoint) => {
    const seen = { size: checkpoint.size, at: rfc3339(checkpoint.at) }
    if (waiting >= MAX_WAITING) return deps.log.debug(seen, 'too many checkpoints; one is dropped')
    waiting += 1
    last = last
      .then(() => witness(deps, checkpoint, signal))
      .catch((error: unknown) => {
        if (signal.aborted) return
        // An attack or a restored backup. This note and the one that this host keeps are the proof.
        if (auditError.is(error))
          deps.log.error(
            { ...seen, note: checkpoint.note, error },
            'a checkpoint does not extend the log that this host has seen',
          )
        else deps.log.warn({ ...seen, error }, 'a checkpoint was not compared')
        if (storageError.is(error)) deps.onStorageFailure?.()
      })
      .finally(() => {
        waiting -= 1
      })
  }
}

/**
 * Compares a checkpoint with the newest one that this host accepted, with a proof from the
 * coordinator. Comparing and accepting are one step of the follower: an order that moves the newest
 * checkpoint meanwhile makes another proof necessary, and proves no fork.
 * @throws audit.* where two logs were signed; trust-state.* and storage errors of this host
 */
async function witness(
  deps: TrustFollowerDeps,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<void> {
  const { log } = deps.trust
  let open = unsettled(await log.offer(checkpoint))
  for (let round = 0; round < MAX_ROUNDS && open !== undefined; round++) {
    const { size, at } = open.known
    const [from, to] = [Math.min(size, checkpoint.size), Math.max(size, checkpoint.size)]
    const hashes = await askForProof(deps, { from, to }, signal)
    if (hashes === undefined) {
      // A smaller log that was signed later shrank, unless a proof shows that it did not.
      if (checkpoint.size < size && checkpoint.at > at) requireAccepted(checkpoint, open)
      return
    }
    open = unsettled(await log.offer(checkpoint, { from, to, hashes }))
  }
}

/** What a proof is still missing for. */
function unsettled(offered: Offered): Exclude<Offered, { result: 'accepted' }> | undefined {
  if (offered.result === 'accepted') return undefined
  return offered.result === 'older' && offered.proved ? undefined : offered
}

/** Undefined where no coordinator is there or it gives no proof: that alone proves no fork. */
async function askForProof(
  deps: TrustFollowerDeps,
  sizes: { from: number; to: number },
  signal: AbortSignal,
): Promise<Uint8Array[] | undefined> {
  const coordinator = deps.coordinator()
  if (coordinator === undefined) return undefined
  try {
    const client = openClient(audit, await deps.node.open(coordinator, audit.id, signal), deps)
    try {
      return (await client.call('consistency', sizes, { signal })).proof
    } finally {
      // After a refusal too: the number of open streams is limited.
      await client.close().catch(() => undefined)
    }
  } catch (error) {
    if (error instanceof MusterError) return undefined
    throw error
  }
}
