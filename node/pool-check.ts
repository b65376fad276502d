/**
 * Checks a node's pool while the node works: a sample, or everything. Damaged content goes to
 * quarantine and is fetched again where a source has it. One check of a pool at a time, at a
 * bounded rate, so that syncs and hosts still get their share of the disk.
 */
import type { CheckedBlob, CheckResponse } from '../protocols/local/messages.ts'
import type { Pool } from '../shared/blobs/pool.ts'
import { samplePool } from '../shared/blobs/sample.ts'
import type { Clock } from '../shared/clock.ts'
import { MusterError } from '../shared/errors.ts'
import type { BlobId } from '../shared/ids.ts'
import type { Random } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'
import type { Content } from './content.ts'
import { nodeError } from './errors.ts'

export interface LostContent {
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
}

/** What became of damaged or missing content. */
export interface HealedContent extends LostContent {
  /** Where it came from; undefined if it could not be had. */
  readonly from?: string | undefined
  readonly reason?: string | undefined
}

export interface PoolCheckDeps {
  readonly pool: Pool
  readonly clock: Clock
  readonly random: Random
  /** Fetches content into the pool again. One answer for each. */
  readonly heal: (lost: readonly LostContent[], signal: AbortSignal) => Promise<HealedContent[]>
  /** Content that must be in the pool and is not. Default: none. */
  readonly missing?: (signal: AbortSignal) => Promise<LostContent[]>
  /** Files that a person knows the content by. Default: none. */
  readonly filesOf?: (blob: BlobId) => Promise<string[]>
  /**
   * Compares what is published of the content with what it must be, and lays out again what is not.
   * It may serve hard links to damaged files that were found and healed earlier. `everything`:
   * snapshots too. Default: nothing is published.
   */
  readonly repair?: (options: { everything: boolean; signal: AbortSignal }) => Promise<Repaired>
}

export interface Repaired {
  /** What was laid out again: `REPOSITORY/TARGET`. */
  readonly repaired: readonly string[]
  /** What could not be, with the reason. */
  readonly unrepaired: readonly string[]
}

export interface CheckProgress {
  readonly checked: number
  readonly of: number
  readonly bytes: number
}

export interface CheckOptions {
  /** Everything, instead of a sample. */
  readonly deep: boolean
  readonly signal: AbortSignal
  readonly progress: (progress: CheckProgress) => Promise<void>
}

export type PoolCheck = (options: CheckOptions) => Promise<CheckResponse>

/** A sample takes no longer than a person waits, and no more of the disk than one sync does. */
const SAMPLE = { bytes: 512 * MIB, ms: 20_000 }
/** Half of what one slow SSD reads; a check of everything has no hurry. */
const MAX_BYTES_PER_SECOND = 256 * MIB
/** Blobs hashed at once: while one is hashed, another is read. */
const AT_ONCE = 2
const REPORT_MS = 500
/** Blobs that are named in one answer, which is bounded; the rest is counted. */
const MAX_NAMED = 200
const MAX_FILES = 3
const MAX_TEXT = 300

export function createPoolCheck(deps: PoolCheckDeps): PoolCheck {
  // Owned by the function below: one check at a time.
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

interface Hashed {
  readonly blobs: number
  readonly hashed: number
  readonly hashedBytes: number
  readonly damaged: readonly LostContent[]
}

async function check(deps: PoolCheckDeps, options: CheckOptions): Promise<CheckResponse> {
  const { signal } = options
  const ids = await deps.pool.ids()
  const found = options.deep ? await hashAll(deps, ids, options) : await hashSome(deps, ids, signal)
  const gone = new Set(found.damaged.map(({ blob }) => blob))
  const missing = ((await deps.missing?.(signal)) ?? []).filter(({ blob }) => !gone.has(blob))
  const bad = [...found.damaged, ...missing]
  const answers = bad.length === 0 ? [] : await deps.heal(bad, signal)
  const byBlob = new Map(answers.map((answer) => [answer.blob, answer]))
  const everything = options.deep || bad.length > 0
  const trees = (await deps.repair?.({ everything, signal })) ?? { repaired: [], unrepaired: [] }
  await deps.pool.flush()
  const isHealed = ({ blob }: LostContent): boolean => byBlob.get(blob)?.from !== undefined
  // Those that a person has to care for first.
  const inOrder = [...bad.filter((each) => !isHealed(each)), ...bad.filter(isHealed)]
  const named: CheckedBlob[] = []
  for (const { blob, size } of inOrder.slice(0, MAX_NAMED)) {
    const answer = byBlob.get(blob)
    const files = (await deps.filesOf?.(blob)) ?? []
    named.push({
      blob,
      size,
      state: gone.has(blob) ? 'damaged' : 'missing',
      files: files.slice(0, MAX_FILES).map((file) => file.slice(0, MAX_TEXT)),
      healedFrom: answer?.from ?? null,
      reason: answer?.from === undefined ? (answer?.reason ?? '').slice(0, MAX_TEXT) : null,
    })
  }
  return {
    deep: options.deep,
    blobs: found.blobs,
    hashed: found.hashed,
    hashedBytes: found.hashedBytes,
    damaged: found.damaged.length,
    missing: missing.length,
    healed: bad.filter(isHealed).length,
    found: named,
    repaired: shortened(trees.repaired),
    unrepaired: shortened(trees.unrepaired),
  }
}

const shortened = (texts: readonly string[]): string[] =>
  texts.slice(0, MAX_NAMED).map((text) => text.slice(0, MAX_TEXT))

async function hashSome(
  deps: PoolCheckDeps,
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

async function hashAll(
  deps: PoolCheckDeps,
  ids: readonly BlobId[],
  { signal, progress }: CheckOptions,
): Promise<Hashed> {
  const { pool, clock } = deps
  const damaged: LostContent[] = []
  const started = clock.monotonic()
  // Owned by the workers below, which share one thread.
  const count = { next: 0, checked: 0, hashed: 0, bytes: 0 }
  let reportedAt = started
  const report = (): Promise<void> => {
    reportedAt = clock.monotonic()
    return progress({ checked: count.checked, of: ids.length, bytes: count.bytes })
  }
  const worker = async (): Promise<void> => {
    while (count.next < ids.length) {
      signal.throwIfAborted()
      const id = ids[count.next++] as BlobId
      const size = (await pool.look(id))?.size ?? 0
      const state = await recheck(pool, id, signal)
      count.checked += 1
      if (state !== 'absent') {
        count.hashed += 1
        count.bytes += size
      }
      if (state === 'damaged') damaged.push({ blob: id, size })
      const ahead = (count.bytes / MAX_BYTES_PER_SECOND) * 1000 - (clock.monotonic() - started)
      if (ahead > 0) await clock.sleep(ahead, signal)
      if (clock.monotonic() - reportedAt >= REPORT_MS) await report()
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
  for (const each of ended) if (each.status === 'rejected') throw each.reason
  await report()
  const { hashed, bytes } = count
  return { blobs: ids.length, hashed, hashedBytes: bytes, damaged }
}

/** Hashes a blob whatever is known of it. */
async function recheck(
  pool: Pool,
  id: BlobId,
  signal: AbortSignal,
): Promise<'sound' | 'damaged' | 'absent'> {
  if ((await pool.look(id)) === undefined) return 'absent'
  return (await pool.check(id, signal)) ? 'sound' : 'damaged'
}

/**
 * Brings content into a node's pool from the nodes that hold it. `from`: what those are called in
 * the answer.
 */
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
