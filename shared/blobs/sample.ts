/**
 * Hashes a part of a pool within limits of bytes and time. Blobs that changed since their
 * verification or were never verified are first. A random part of the others follows, so bit rot
 * without a change of the file's attributes is found only by chance or by a full check.
 */
import type { Clock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import type { Random } from '../random.ts'

export interface SampleBudget {
  readonly bytes: number
  readonly ms: number
}

export interface SampleSource {
  /** Lists all blobs of the pool. */
  readonly ids: readonly BlobId[]
  /**
   * Returns the size, and whether the file is unchanged since its verification. Undefined if the
   * file was removed.
   */
  look(id: BlobId): Promise<{ size: number; known: boolean } | undefined>
  /** Returns whether the content is undamaged. Undefined if the file was removed. */
  hash(id: BlobId): Promise<boolean | undefined>
}

export interface Sampled {
  /** The number of blobs in the pool. */
  readonly blobs: number
  readonly hashed: number
  readonly hashedBytes: number
  readonly damaged: readonly { readonly id: BlobId; readonly size: number }[]
}

/** The share of the time for finding changed blobs. Verified blobs are hashed in the rest. */
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
    // The list has at most as many blobs as the budget allows, in random order. More would only use
    // memory.
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

/** Returns the ids in random order (Fisher-Yates). */
function shuffled(random: Random, ids: readonly BlobId[]): BlobId[] {
  const order = [...ids]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random.fraction() * (last + 1))
    const [a, b] = [order[last], order[other]]
    if (a === undefined || b === undefined) continue
    order[last] = b
    order[other] = a
  }
  return order
}
