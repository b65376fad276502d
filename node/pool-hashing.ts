/** Hashes a sample of a pool's blobs, or all of them at a limited rate. */
import type { Pool } from '../shared/blobs/pool.ts'
import { samplePool } from '../shared/blobs/sample.ts'
import type { Clock } from '../shared/clock.ts'
import { concurrently } from '../shared/concurrency/concurrently.ts'
import type { BlobId } from '../shared/ids.ts'
import type { Random } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'

export interface LostContent {
  readonly blob: BlobId
  /** The size in bytes. */
  readonly size: number
}

export interface CheckProgress {
  readonly checked: number
  readonly of: number
  readonly bytes: number
}

export interface Hashed {
  /** The number of blobs in the pool. */
  readonly blobs: number
  readonly hashed: number
  readonly hashedBytes: number
  readonly damaged: readonly LostContent[]
}

/** An operator waits for a sample. It must not load the disk more than a sync. */
const SAMPLE = { bytes: 512 * MIB, ms: 20_000 }
/** This is half the rate of a slow SSD. A check of all blobs isn't urgent. */
const MAX_BYTES_PER_SECOND = 256 * MIB
/** Another blob is read while one is hashed. */
const AT_ONCE = 2
const REPORT_MS = 500

export async function hashSample(
  deps: { readonly pool: Pool; readonly clock: Clock; readonly random: Random },
  ids: readonly BlobId[],
  signal: AbortSignal,
): Promise<Hashed> {
  const { pool } = deps
  const source = {
    ids,
    look: (id: BlobId) => pool.look(id),
    hash: async (id: BlobId) => {
      const state = await recheck(pool, id, signal)
      return state === 'absent' ? undefined : state === 'sound'
    },
  }
  const sampled = await samplePool(deps, source, SAMPLE, signal)
  return { ...sampled, damaged: sampled.damaged.map(({ id, size }) => ({ blob: id, size })) }
}

/** Hashes all blobs. Stops at the first failure, even inside other blobs. @throws that failure */
export async function hashAll(
  { pool, clock }: { readonly pool: Pool; readonly clock: Clock },
  ids: readonly BlobId[],
  options: {
    readonly signal: AbortSignal
    readonly progress: (progress: CheckProgress) => Promise<void>
  },
): Promise<Hashed> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const damaged: LostContent[] = []
  const pace = createPace(clock, ids.length, options.progress)
  const hashOne = async (blob: BlobId): Promise<void> => {
    signal.throwIfAborted()
    const size = (await pool.look(blob))?.size ?? 0
    const state = await recheck(pool, blob, signal)
    if (state === 'damaged') damaged.push({ blob, size })
    await pace.passed(state === 'absent' ? undefined : size, signal)
  }
  await concurrently(ids, AT_ONCE, async (blob) => {
    try {
      await hashOne(blob)
    } catch (error) {
      failed.abort(error)
      throw error
    }
  })
  await pace.report()
  const { hashed, bytes } = pace.count
  return { blobs: ids.length, hashed, hashedBytes: bytes, damaged }
}

/** Counts hashed bytes, reports them regularly, and limits the rate. */
function createPace(
  clock: Clock,
  of: number,
  progress: (progress: CheckProgress) => Promise<void>,
) {
  const started = clock.monotonic()
  // Only passed() changes these counts.
  const count = { checked: 0, hashed: 0, bytes: 0 }
  let reportedAt = started
  const report = (): Promise<void> => {
    reportedAt = clock.monotonic()
    return progress({ checked: count.checked, of, bytes: count.bytes })
  }
  return {
    count,
    report,
    /** @param size - undefined if the blob no longer existed */
    async passed(size: number | undefined, signal: AbortSignal): Promise<void> {
      count.checked += 1
      if (size !== undefined) {
        count.hashed += 1
        count.bytes += size
      }
      const ahead = (count.bytes / MAX_BYTES_PER_SECOND) * 1000 - (clock.monotonic() - started)
      if (ahead > 0) await clock.sleep(ahead, signal)
      if (clock.monotonic() - reportedAt >= REPORT_MS) await report()
    },
  }
}

async function recheck(
  pool: Pool,
  id: BlobId,
  signal: AbortSignal,
): Promise<'sound' | 'damaged' | 'absent'> {
  if ((await pool.look(id)) === undefined) return 'absent'
  return (await pool.check(id, signal)) ? 'sound' : 'damaged'
}
