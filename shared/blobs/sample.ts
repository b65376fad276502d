/**
 * Hashes a part of a pool within bounds of bytes and time: first what changed since it was
 * verified, or never was, then some of the rest by chance. Content that rots without a change of
 * its file is found by chance only, or by a check of everything.
 */
import type { Clock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import type { Random } from '../random.ts'

export interface SampleBudget {
  readonly bytes: number
  readonly ms: number
}

export interface SampleSource {
  /** Every blob of the pool. */
  readonly ids: readonly BlobId[]
  /** Bytes, and whether its file is unchanged since it was verified. Undefined: it is gone. */
  look(id: BlobId): Promise<{ size: number; known: boolean } | undefined>
  /** Whether its content is right. Undefined: it is gone. */
  hash(id: BlobId): Promise<boolean | undefined>
}

export interface Sampled {
  /** Blobs in the pool. */
  readonly blobs: number
  readonly hashed: number
  readonly hashedBytes: number
  readonly damaged: readonly { readonly id: BlobId; readonly size: number }[]
}

/**
 * What was verified before is hashed with at most the second half of the time, so that looking for
 * changes gets its share.
 */
const LOOKING = 0.5

export async function samplePool(
  deps: { clock: Clock; random: Random },
  source: SampleSource,
  budget: SampleBudget,
  signal: AbortSignal,
): Promise<Sampled> {
  const started = deps.clock.monotonic()
  const damaged: { id: BlobId; size: number }[] = []
  const calm: { id: BlobId; size: number }[] = []
  const count = { hashed: 0, bytes: 0, calm: 0 }
  const spent = (share: number): boolean =>
    count.bytes >= budget.bytes || deps.clock.monotonic() - started >= budget.ms * share
  const hash = async (blob: { id: BlobId; size: number }): Promise<void> => {
    const sound = await source.hash(blob.id)
    if (sound === undefined) return
    count.hashed += 1
    count.bytes += blob.size
    if (!sound) damaged.push(blob)
  }
  for (const id of shuffled(deps.random, source.ids)) {
    signal.throwIfAborted()
    if (spent(LOOKING)) break
    const found = await source.look(id)
    if (found === undefined) continue
    if (!found.known) await hash({ id, size: found.size })
    // As many as the budget could pay for, in the order of chance; the rest would only take memory.
    else if (count.calm < budget.bytes) {
      count.calm += Math.max(found.size, 1)
      calm.push({ id, size: found.size })
    }
  }
  for (const blob of calm) {
    signal.throwIfAborted()
    if (spent(1)) break
    await hash(blob)
  }
  const { hashed, bytes } = count
  return { blobs: source.ids.length, hashed, hashedBytes: bytes, damaged }
}

/** The same ids in random order (Fisher and Yates). */
function shuffled(random: Random, ids: readonly BlobId[]): BlobId[] {
  const order = [...ids]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random.fraction() * (last + 1))
    ;[order[last], order[other]] = [order[other] as BlobId, order[last] as BlobId]
  }
  return order
}
