/**
 * Handles the agent's gossip. It compares the log's checkpoints as a witness, and receives
 * revocations early. Everything is checked, because no sender is trusted.
 */
import { decode } from 'cborg'
import type { MusterNode } from '../../node/node.ts'
import type { GossipMessage, Verdict } from '../../node/gossip.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { audit } from '../../protocols/audit/protocol.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { auditError } from '../../shared/audit/errors.ts'
import { type Offered, requireAccepted } from '../../shared/audit/follower.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { queueError } from '../../shared/concurrency/queue.ts'
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

/**
 * The number of proofs that are requested for one checkpoint. An intent that moves the newest
 * checkpoint makes another proof necessary.
 */
const MAX_ROUNDS = 8
/** The number of checkpoints that wait for a comparison. A fleet makes a few a second. */
const MAX_WAITING = 64

export interface TrustFollowerDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: FleetId
  /** Returns the coordinator that sends proofs, or undefined if there is none. */
  readonly coordinator: () => string | undefined
  /** Requests the missing revocations from the coordinator. */
  readonly pull: () => void
  /** Called when a write to this host's disk failed. */
  readonly onStorageFailure?: () => void
}

/** @returns a function that removes the listeners */
export function followTrust(deps: TrustFollowerDeps, signal: AbortSignal): () => void {
  const { gossip } = deps.node
  const stops = [
    gossip.on('audit', checkpointListener(deps, signal)),
    gossip.on('policy', (message) => receiveRevocation(deps, message)),
    gossip.on('facts', (message) => checkFacts(deps, message)),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

type Deps = TrustFollowerDeps

/** Compares checkpoints one after another, so that it requests one proof at a time. */
function checkpointListener(deps: Deps, signal: AbortSignal): (message: GossipMessage) => Verdict {
  const { trust, log } = deps
  const lane = createLane({ name: 'the queue of checkpoints', waiting: MAX_WAITING - 1 })
  const compare = async (checkpoint: Checkpoint): Promise<void> => {
    try {
      await lane.run(() => witness(deps, checkpoint, signal))
    } catch (error) {
      if (!signal.aborted) reportCheckpoint(deps, checkpoint, error)
    }
  }
  return (message) => {
    let checkpoint: Checkpoint
    try {
      checkpoint = trust.openCheckpoint(Buffer.from(message.bytes).toString())
    } catch (error) {
      log.debug({ author: message.author, error }, 'gossip is not a valid checkpoint')
      return 'reject'
    }
    void compare(checkpoint)
    return 'accept'
  }
}

function reportCheckpoint({ log, onStorageFailure }: Deps, checkpoint: Checkpoint, error: unknown) {
  const { size, at, note } = checkpoint
  const seen = { size, at: rfc3339(at) }
  if (queueError.is(error)) log.debug(seen, 'too many checkpoints wait; one is dropped')
  // The cause is an attack or a restored backup. This note and the note that this host keeps prove
  // it.
  else if (auditError.is(error))
    log.error(
      { ...seen, note, error },
      'a checkpoint does not extend the log that this host has seen',
    )
  else log.warn({ ...seen, error }, 'a checkpoint was not compared')
  if (storageError.is(error)) onStorageFailure?.()
}

async function receiveRevocation(deps: Deps, message: GossipMessage): Promise<Verdict> {
  const { trust, log } = deps
  const { author } = message
  let signed: Signed
  let revocation: Revocation
  try {
    signed = fromWire(decode(message.bytes))
    revocation = readSigned(signed, 'revocation', { fleet: deps.fleet })
  } catch (error) {
    log.debug({ author, error }, 'gossip is not a revocation of this fleet')
    return 'reject'
  }
  try {
    const { root, former } = trust.root()
    // The log assigns the epochs. Only operators are trusted to use no other epochs. A coordinator
    // sends the revocations of other actors with the next intent.
    if (requireRevoker(revocation, root, former) !== 'operator') return 'ignore'
    await trust.learn({ revocations: [signed] })
    if (missingEpochs(trust.revocations()).length > 0) deps.pull()
    return 'accept'
  } catch (error) {
    return judgeRevocationError(deps, author, error)
  }
}

/**
 * Returns the verdict on a failed revocation. The sender is never blamed, because a valid
 * revocation also fails if this host lacks something, such as a new root.
 */
function judgeRevocationError(deps: Deps, author: string, error: unknown): Verdict {
  const { log, onStorageFailure } = deps
  if (storageError.is(error)) {
    log.error({ error }, 'a revocation counts in memory only: the disk did not take it')
    onStorageFailure?.()
    return 'accept'
  }
  if (trustError.is(error, 'trust.equivocation'))
    log.error({ author, error }, 'two revocations claim one number')
  // Each member can send invalid revocations. A warning for each would fill the log.
  else log.debug({ author, error }, 'a revocation from gossip was rejected')
  return 'ignore'
}

/** Checks the signer of facts, which agents forward. Only the coordinator checks the content. */
function checkFacts(deps: Deps, message: GossipMessage): Verdict {
  try {
    const signed = fromWire(decode(message.bytes))
    readSigned(signed, 'facts', { fleet: deps.fleet })
    return peerIdOfKey(signed.key) === message.author ? 'accept' : 'reject'
  } catch {
    return 'reject'
  }
}

/**
 * Compares a checkpoint with the newest one that this host accepted. The coordinator sends the
 * proof. If an intent moves the newest checkpoint meanwhile, another proof is needed.
 * @throws audit.* if two logs were signed; trust-state.* and storage errors of this host
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
      // A smaller checkpoint that was signed later counts as a shrunk log if there is no proof.
      if (checkpoint.size < size && checkpoint.at > at) requireAccepted(checkpoint, open)
      return
    }
    open = unsettled(await log.offer(checkpoint, { from, to, hashes }))
  }
}

/** Returns the result if it still needs a proof. */
function unsettled(offered: Offered): Exclude<Offered, { result: 'accepted' }> | undefined {
  if (offered.result === 'accepted') return undefined
  return offered.result === 'older' && offered.proved ? undefined : offered
}

/**
 * Requests a proof. Returns undefined if there is no coordinator or it sends no proof. That alone
 * does not prove a fork.
 */
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
      // The stream is closed after a refusal too, because the number of open streams is limited.
      await client.close().catch(() => undefined)
    }
  } catch (error) {
    if (error instanceof MusterError) return undefined
    throw error
  }
}
