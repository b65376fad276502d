/**
 * Fetches content again that the pool has lost or found damaged: from an agent that holds it, else
 * from the upstream of a repository. The pool keeps only content with the right id.
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
  /** The source; undefined if no source has it. */
  readonly from: Source | undefined
  /** Why no source delivered it. */
  readonly reason?: string
}

export type Source = 'agent' | 'upstream'

export interface Healer {
  /**
   * Tries to fetch each distinct blob. Returns one result for each, in the order of `lost`.
   * @param sources - the sources to try, in this order; default: all
   * @throws the signal's reason, and errors that no source caused, such as a bug in Muster
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
   * One function for each source. It fetches a blob from the source into the pool.
   * @throws if the source doesn't have it
   */
  readonly fetch: Readonly<Record<Source, (lost: LostBlob, signal: AbortSignal) => Promise<void>>>
}

/** Healing isn't urgent and shares the network with syncs and hosts. */
const AT_ONCE = 4
/**
 * A source that can't be reached for this many blobs in a row isn't tried for the others, because
 * each attempt takes all of its retries.
 */
const GONE_AFTER = 3

export function createHealer(deps: HealerDeps): Healer {
  return {
    async heal(lost, signal, sources = ['agent', 'upstream']) {
      const distinct = [...new Map(lost.map((each) => [each.blob, each])).values()]
      const unreachable = new Map<Source, number>()
      return concurrently(distinct, AT_ONCE, async ({ blob, size }) => {
        const healed = await healOne(deps, { blob, size }, { sources, unreachable, signal })
        const { from, reason } = healed
        if (from === undefined)
          deps.log.error({ blob, reason }, 'damaged or lost content could not be fetched again')
        else deps.log.warn({ blob, from }, 'damaged or lost content was fetched again')
        return healed
      })
    },
  }
}

interface HealOptions {
  readonly sources: readonly Source[]
  /** For each source, the number of blobs in a row for which it could not be reached. */
  readonly unreachable: Map<Source, number>
  readonly signal: AbortSignal
}

/** Tries one source after another. */
async function healOne(deps: HealerDeps, lost: LostBlob, options: HealOptions): Promise<Healed> {
  const reasons: string[] = []
  for (const from of options.sources) {
    const reason = await fetchFrom(deps, from, lost, options)
    if (reason === undefined) return { ...lost, from }
    reasons.push(`${from}: ${reason}`)
  }
  return { ...lost, from: undefined, reason: reasons.join('; ') }
}

/** Returns why the blob could not be fetched from this source; undefined if it was fetched. */
async function fetchFrom(
  { pool, fetch }: HealerDeps,
  from: Source,
  lost: LostBlob,
  { unreachable, signal }: HealOptions,
): Promise<string | undefined> {
  const failures = unreachable.get(from) ?? 0
  if (failures >= GONE_AFTER) return 'unreachable'
  try {
    await fetch[from](lost, signal)
    unreachable.set(from, 0)
    const isSound = (await pool.verify(lost.blob, signal)) === 'sound'
    return isSound ? undefined : 'the fetched content is damaged too'
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof MusterError)) throw error
    unreachable.set(from, error.exit === 'unreachable' ? failures + 1 : 0)
    return error.message
  }
}
