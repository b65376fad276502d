/**
 * Brings back content that the pool has lost or found damaged: from an agent that holds it, else
 * from the upstream of a repository that has it. What comes is kept only if it is the very content
 * that its id names.
 */
import type { Pool } from '../../../shared/blobs/pool.ts'
import { MusterError } from '../../../shared/errors.ts'
import type { BlobId } from '../../../shared/ids.ts'
import type { Logger } from '../../../shared/logger.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'

export interface LostBlob {
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
}

export interface Healed extends LostBlob {
  /** Where it came from; undefined if it could not be had. */
  readonly from: Source | undefined
  /** Why not, of one that could not be had. */
  readonly reason?: string
}

export type Source = 'agent' | 'upstream'

export interface Healer {
  /**
   * One answer for each distinct blob, in their order.
   * @param sources - whom to ask, in this order; default: all
   * @throws the signal's reason, and errors that no source caused, such as a defect
   */
  heal(
    lost: readonly LostBlob[],
    signal: AbortSignal,
    sources?: readonly Source[],
  ): Promise<Healed[]>
}

export interface HealerDeps {
  readonly pool: Pool
  readonly log: Logger
  /**
   * Fetch a blob into the pool from the agents that hold it, or from an upstream. @throws where
   * none has it
   */
  readonly fetch: Readonly<Record<Source, (lost: LostBlob, signal: AbortSignal) => Promise<void>>>
}

/** Healing shares the lines with syncs and hosts, and has no hurry. */
const AT_ONCE = 4
/**
 * Blobs in a row for which a source could not be reached, after which it is not asked for the rest:
 * each costs all of its tries.
 */
const GONE_AFTER = 3

export function createHealer(deps: HealerDeps): Healer {
  const healOne = async (
    lost: LostBlob,
    unreachable: Map<Source, number>,
    sources: readonly Source[],
    signal: AbortSignal,
  ): Promise<Healed> => {
    const { blob } = lost
    const reasons: string[] = []
    for (const from of sources) {
      const failures = unreachable.get(from) ?? 0
      if (failures >= GONE_AFTER) {
        reasons.push(`${from}: unreachable`)
        continue
      }
      try {
        await deps.fetch[from](lost, signal)
        unreachable.set(from, 0)
        if ((await deps.pool.verify(blob, signal)) !== 'sound') {
          reasons.push(`${from}: the content is damaged again`)
          continue
        }
        deps.log.warn({ blob, from }, 'damaged or lost content was fetched again')
        return { ...lost, from }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof MusterError)) throw error
        unreachable.set(from, error.exit === 'unreachable' ? failures + 1 : 0)
        reasons.push(`${from}: ${error.message}`)
      }
    }
    const reason = reasons.join('; ')
    deps.log.error({ blob, reason }, 'damaged or lost content could not be fetched again')
    return { ...lost, from: undefined, reason }
  }
  return {
    async heal(lost, signal, sources = ['agent', 'upstream']) {
      const distinct = [...new Map(lost.map((each) => [each.blob, each])).values()]
      const unreachable = new Map<Source, number>()
      return concurrently(distinct, AT_ONCE, ({ blob, size }) =>
        healOne({ blob, size }, unreachable, sources, signal),
      )
    },
  }
}
