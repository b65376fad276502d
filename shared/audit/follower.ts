/**
 * Follows a log from checkpoint to checkpoint, as agents and witnesses do (C2SP tlog-witness). A
 * new checkpoint is accepted only if it extends the newest accepted one. Concurrent calls run one
 * after another, so comparing and storing are one step. A checkpoint is stored before it is
 * reported as accepted.
 */
import { createLane } from '../concurrency/lanes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { type ConsistencyProof, verifyConsistency } from './proof.ts'
import { sameHash } from './tree.ts'

/** The result of offering a checkpoint. */
export type Offered =
  /** The checkpoint is the newest one now, or was already. */
  | { readonly result: 'accepted' }
  /**
   * The checkpoint is smaller than the newest one, so nothing changes. `proved`: the newest one
   * extends it.
   */
  | { readonly result: 'older'; readonly known: Checkpoint; readonly proved: boolean }
  /** A proof from `from` to `to` entries is needed. The proof was absent or for other sizes. */
  | {
      readonly result: 'unproved'
      readonly known: Checkpoint
      readonly from: number
      readonly to: number
    }

/**
 * Compares `next` with the accepted checkpoint `known`. Throws if the two prove that different logs
 * were signed. A proof may be missing or for other sizes, because the newest checkpoint changed
 * after the proof was made. Then it proves nothing.
 * @throws audit.equivocation, audit.proof
 */
export function judge(
  known: Checkpoint | undefined,
  next: Checkpoint,
  proof: ConsistencyProof | undefined,
): Offered {
  if (known === undefined) return { result: 'accepted' }
  if (next.size === known.size) {
    if (sameHash(next.root, known.root)) return { result: 'accepted' }
    throw auditError('audit.equivocation', {
      size: next.size,
      known: hex(known.root),
      got: hex(next.root),
    })
  }
  const [old, young] = next.size < known.size ? [next, known] : [known, next]
  if (proof === undefined || proof.from !== old.size || proof.to !== young.size)
    return next.size < known.size
      ? { result: 'older', known, proved: false }
      : { result: 'unproved', known, from: old.size, to: young.size }
  verifyConsistency(proof, old.root, young.root)
  return next.size < known.size ? { result: 'older', known, proved: true } : { result: 'accepted' }
}

export interface FollowerStore {
  load(): Promise<Checkpoint | undefined>
  /** Resolves once the checkpoint is durable. */
  save(checkpoint: Checkpoint): Promise<void>
}

export interface Follower {
  /** Returns the newest accepted checkpoint. Only {@link offer} compares checkpoints. */
  known(): Promise<Checkpoint | undefined>
  /**
   * Compares a checkpoint, whose signature was verified, with the newest one. If it extends the
   * newest one, it is stored durably before this returns. A checkpoint of the same size and root is
   * accepted again, because only its time can differ.
   * @throws audit.equivocation, audit.proof: different logs were signed
   */
  offer(next: Checkpoint, proof?: ConsistencyProof): Promise<Offered>
  /**
   * Like {@link offer}, for a caller that requires the checkpoint to be the newest one.
   * @throws audit.smaller, audit.equivocation, audit.proof
   */
  accept(next: Checkpoint, proof?: ConsistencyProof): Promise<void>
}

export function createFollower(store: FollowerStore): Follower {
  const lane = createLane({ name: 'the queue of checkpoints' })
  const offer: Follower['offer'] = (next, proof) =>
    lane.run(async () => {
      const known = await store.load()
      const offered = judge(known, next, proof)
      // Crash before this: the old checkpoint is still stored, and the new one wasn't reported as
      // accepted.
      if (
        offered.result === 'accepted' &&
        (known === undefined || next.size > known.size || next.at > known.at)
      )
        await store.save(next)
      return offered
    })
  return {
    known: () => lane.run(() => store.load()),
    offer,
    accept: async (next, proof) => requireAccepted(next, await offer(next, proof)),
  }
}

/** @throws audit.smaller, audit.proof if the checkpoint was not accepted */
export function requireAccepted(next: Checkpoint, offered: Offered): void {
  switch (offered.result) {
    case 'accepted':
      return
    case 'older':
      throw auditError('audit.smaller', { known: offered.known.size, got: next.size })
    case 'unproved':
      throw auditError('audit.proof', {
        what: 'consistency',
        reason: `a proof from ${offered.from} to ${offered.to} entries is needed`,
      })
    default:
      return offered satisfies never
  }
}

function hex(root: Uint8Array): string {
  return Buffer.from(root).toString('hex')
}
