/**
 * Checks a sample of a node's pool, or all of it. Damaged blobs go to quarantine. If another node
 * has them, they are fetched again. Only one check runs at a time, at a limited rate.
 */
import type { CheckedBlob, CheckResponse } from '../../protocols/local/messages.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import type { Content } from './content.ts'
import { nodeError } from '../ground/errors.ts'
import { type CheckProgress, hashAll, hashSample, type LostContent } from '../pool-hashing.ts'

export type { LostContent } from '../pool-hashing.ts'

/** The result for damaged or missing content. */
export interface HealedContent extends LostContent {
  /** The source from which it was fetched again. Undefined if no source had it. */
  readonly from?: string | undefined
  readonly reason?: string | undefined
}

export interface PoolCheckDeps {
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  /** Fetches content into the pool again. Returns one result for each item. */
  readonly heal: (lost: readonly LostContent[], signal: AbortSignal) => Promise<HealedContent[]>
  /** Finds content that must be in the pool and is missing. Default: none. */
  readonly missing?: (signal: AbortSignal) => Promise<LostContent[]>
  /** Returns names of files with this content, for people. Default: none. */
  readonly filesOf?: (blob: BlobId) => Promise<string[]>
  /**
   * Compares published files with their manifests, and publishes altered files again. An altered
   * file may be a hard link to a damaged blob that was repaired earlier. `everything` includes the
   * snapshots. Default: nothing is published.
   */
  readonly repair?: (options: { everything: boolean; signal: AbortSignal }) => Promise<Repaired>
}

export interface Repaired {
  /** Targets that were published again: `REPOSITORY/TARGET`. */
  readonly repaired: readonly string[]
  /** Targets that could not be repaired, with the reason. */
  readonly unrepaired: readonly string[]
}

export interface CheckOptions {
  /** True to check all blobs. False to check a sample. */
  readonly deep: boolean
  readonly signal: AbortSignal
  readonly progress: (progress: CheckProgress) => Promise<void>
}

export type PoolCheck = (options: CheckOptions) => Promise<CheckResponse>

/** The number of blobs that one response names. Further ones are only counted. */
const MAX_NAMED = 200
const MAX_FILES = 3
const MAX_TEXT = 300

export function createPoolCheck(deps: PoolCheckDeps): PoolCheck {
  // Only the returned function changes this variable.
  let running = false
  return async (options) => {
    if (running) throw nodeError('node.pool-check')
    running = true
    try {
      return await check(deps, options)
    } finally {
      running = false
    }
  }
}

async function check(deps: PoolCheckDeps, options: CheckOptions): Promise<CheckResponse> {
  const { deep, signal } = options
  const ids = await deps.pool.ids()
  const hashed = deep ? await hashAll(deps, ids, options) : await hashSample(deps, ids, signal)
  const found = await heal(deps, hashed.damaged, signal)
  const everything = deep || found.length > 0
  const trees = (await deps.repair?.({ everything, signal })) ?? { repaired: [], unrepaired: [] }
  await deps.pool.flush()
  const { blobs, hashedBytes, damaged } = hashed
  return {
    deep,
    blobs,
    hashed: hashed.hashed,
    hashedBytes,
    damaged: damaged.length,
    missing: found.length - damaged.length,
    healed: found.filter(isHealed).length,
    found: await named(deps, found),
    repaired: shortened(trees.repaired),
    unrepaired: shortened(trees.unrepaired),
  }
}

interface Found extends HealedContent {
  readonly state: 'damaged' | 'missing'
}

const isHealed = ({ from }: HealedContent): boolean => from !== undefined

/** Repairs damaged and missing content. Returns the result for each item. */
async function heal(
  deps: PoolCheckDeps,
  damaged: readonly LostContent[],
  signal: AbortSignal,
): Promise<Found[]> {
  const gone = new Set(damaged.map(({ blob }) => blob))
  const missing = ((await deps.missing?.(signal)) ?? []).filter(({ blob }) => !gone.has(blob))
  const lost = [...damaged, ...missing]
  const answers = lost.length === 0 ? [] : await deps.heal(lost, signal)
  const byBlob = new Map(answers.map((answer) => [answer.blob, answer]))
  return lost.map(({ blob, size }) => {
    const answer = byBlob.get(blob)
    const state = gone.has(blob) ? 'damaged' : 'missing'
    return { blob, size, from: answer?.from, reason: answer?.reason, state }
  })
}

/** Returns as many blobs as one response can hold. Those that need an operator are first. */
async function named(deps: PoolCheckDeps, found: readonly Found[]): Promise<CheckedBlob[]> {
  const inOrder = [...found.filter((each) => !isHealed(each)), ...found.filter(isHealed)]
  const checked: CheckedBlob[] = []
  for (const { blob, size, state, from, reason } of inOrder.slice(0, MAX_NAMED)) {
    const files = (await deps.filesOf?.(blob)) ?? []
    checked.push({
      blob,
      size,
      state,
      files: files.slice(0, MAX_FILES).map((file) => file.slice(0, MAX_TEXT)),
      healedFrom: from ?? null,
      reason: from === undefined ? (reason ?? '').slice(0, MAX_TEXT) : null,
    })
  }
  return checked
}

const shortened = (texts: readonly string[]): string[] =>
  texts.slice(0, MAX_NAMED).map((text) => text.slice(0, MAX_TEXT))

/** Fetches content from other nodes into a node's pool. The response calls these nodes `from`. */
export function healFromNodes(
  content: Pick<Content, 'fetch'>,
  from: string,
): PoolCheckDeps['heal'] {
  return async (lost, signal) => {
    const healed: HealedContent[] = []
    for (const { blob, size } of lost) {
      try {
        await content.fetch(blob, signal, { size })
        healed.push({ blob, size, from })
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof MusterError)) throw error
        healed.push({ blob, size, reason: error.message })
      }
    }
    return healed
  }
}
