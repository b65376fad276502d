/**
 * Brings back content that the pool has lost or found damaged: from an agent that holds it, else from the upstream of a repository
 * that has it. What comes is kept only if it is the very content that its id names.
 */
import type { Pool } from '../../shared/blobs/pool.ts'
import { MusterError } from '../../shared/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { mapParallel } from '../mirror/parallel.ts'

export interface LostBlob {
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
}

export interface Healed {
  readonly blob: BlobId
  /** Where it came from; undefined if it could not be had. */
  readonly from: 'agent' | 'upstream' | undefined
  /** Why not, of one that could not be had. */
  readonly reason?: string
}

export interface Healer {
  /** In the order of `lost`. @throws the signal's reason, and what is no fault of a source, such as a full disk */
  heal(lost: readonly LostBlob[], signal: AbortSignal): Promise<Healed[]>
}

export interface HealerDeps {
  readonly pool: Pool
  readonly log: Logger
  /** Fetches a blob from the agents that hold it into the pool. @throws where none does */
  readonly fromAgents: (lost: LostBlob, signal: AbortSignal) => Promise<void>
  /** Fetches a blob from an upstream into the pool. @throws where none has it */
  readonly fromUpstream: (lost: LostBlob, signal: AbortSignal) => Promise<void>
}

/** Healing shares the lines with syncs and hosts, and has no hurry. */
const AT_ONCE = 4

export function createHealer(deps: HealerDeps): Healer {
  const healOne = async (lost: LostBlob, signal: AbortSignal): Promise<Healed> => {
    const { blob } = lost
    const reasons: string[] = []
    for (const [from, fetch] of [
      ['agent', deps.fromAgents],
      ['upstream', deps.fromUpstream],
    ] as const) {
      try {
        await fetch(lost, signal)
        if ((await deps.pool.verify(blob, signal)) !== 'sound') continue
        deps.log.warn({ blob, from }, 'damaged or lost content was fetched again')
        return { blob, from }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof MusterError)) throw error
        reasons.push(error.message)
      }
    }
    const reason = reasons.join('; ')
    deps.log.error({ blob, reason }, 'damaged or lost content could not be fetched again')
    return { blob, from: undefined, reason }
  }
  return {
    async heal(lost, signal) {
      const distinct = new Map(lost.map((each) => [each.blob, each]))
      const healed = await mapParallel([...distinct.values()], AT_ONCE, (each) =>
        healOne(each, signal),
      )
      const byBlob = new Map(healed.map((each) => [each.blob, each]))
      return lost.map(({ blob }) => byBlob.get(blob) as Healed)
    },
  }
}
