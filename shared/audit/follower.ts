/**
 * Following a log from checkpoint to checkpoint, as agents and witnesses do (C2SP tlog-witness): a new checkpoint is accepted only if it
 * extends the newest one accepted before. The decision and its durable record are one step: concurrent calls run one after the other,
 * and nothing is reported as accepted before it is stored.
 */
import type { Checkpoint } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { type ConsistencyProof, verifyConsistency } from './proof.ts'
import { sameHash } from './tree.ts'

/**
 * Whether `next` may follow `known`.
 * @param proof from `known.size` to `next.size`; not needed (and not looked at) where nothing is known or nothing was added
 * @throws audit.smaller, audit.equivocation, audit.proof
 */
export function requireExtends(
  known: Checkpoint | undefined,
  next: Checkpoint,
  proof: ConsistencyProof | undefined,
): void {
  if (known === undefined) return
  if (next.size < known.size)
    throw auditError('audit.smaller', { known: known.size, got: next.size })
  if (next.size === known.size) {
    if (sameHash(next.root, known.root)) return
    throw auditError('audit.equivocation', {
      size: next.size,
      known: hex(known.root),
      got: hex(next.root),
    })
  }
  if (proof === undefined || proof.from !== known.size || proof.to !== next.size)
    throw auditError('audit.proof', {
      what: 'consistency',
      reason: `one from ${known.size} to ${next.size} is needed`,
    })
  verifyConsistency(proof, known.root, next.root)
}

export interface FollowerStore {
  load(): Promise<Checkpoint | undefined>
  /** Resolves once the checkpoint would survive a power loss. */
  save(checkpoint: Checkpoint): Promise<void>
}

export interface Follower {
  /** The newest accepted checkpoint. */
  known(): Promise<Checkpoint | undefined>
  /**
   * Accepts a checkpoint whose signature was checked, and remembers it durably before it returns. One of the same size and root is
   * accepted again (only its time may be newer).
   * @throws audit.smaller, audit.equivocation, audit.proof
   */
  accept(next: Checkpoint, proof?: ConsistencyProof): Promise<void>
}

export function createFollower(store: FollowerStore): Follower {
  // Owned by turn(): the last thing that was queued.
  let last: Promise<unknown> = Promise.resolve()
  const turn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work)
    last = mine.catch(() => {})
    return mine
  }
  return {
    known: () => turn(() => store.load()),
    accept: (next, proof) =>
      turn(async () => {
        const known = await store.load()
        requireExtends(known, next, proof)
        // Crash before this: the old checkpoint stands, and nobody was told of the new one.
        if (known === undefined || next.size > known.size || next.at > known.at)
          await store.save(next)
      }),
  }
}

function hex(root: Uint8Array): string {
  return Buffer.from(root).toString('hex')
}
