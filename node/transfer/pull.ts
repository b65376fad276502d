/**
 * Keeps streams to the providers busy until nothing of a blob is missing: hands out pieces, takes
 * back what failed, lets an idle provider race a slow one, and looks for new providers when the
 * known ones are used up.
 */
import { blobError } from '../../shared/blobs/errors.ts'
import type { Incoming } from '../../shared/blobs/pool.ts'
import type { blobs } from '../../protocols/blobs/protocol.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import { createWakeSignal, type WakeSignal } from './wake-signal.ts'
import type { Swarm } from './swarm.ts'
import type { FetchDeps, FetchOptions } from './fetch.ts'
import { type Piece, type Plan, createPlan, intersect, sum } from './plan.ts'
import { OwnFailure, fetchRange } from './range.ts'
import type { Source } from './source.ts'

/** Providers of one blob at a time; more only share the same line. */
const MAX_SOURCES = 8
/** Streams to one provider: while one asks for its next range, the other fills the line. */
const STREAMS_PER_SOURCE = 2
/** Without a byte for so long, a provider has stalled and its range is given to another. */
const STALL_MS = 10_000
/**
 * A piece that takes so long may be raced for, however small it is; it comes in a fraction of this
 * from most providers.
 */
const LATE_MS = 1_000
/** How often the tracker is asked for more providers while a fetch goes on. */
const REFRESH_MS = 5_000
/** How long a provider that was busy or reset is left alone. */
const RETRY_MS = 250

interface Work {
  readonly deps: FetchDeps
  readonly incoming: Incoming
  readonly plan: Plan
  readonly signal: AbortSignal
  readonly options: FetchOptions
  /** Rings whenever a piece has ended. */
  readonly changed: WakeSignal
  /** Streams per source. Owned by pull(). */
  readonly running: Map<Source, number>
  /** When a piece was handed out, in milliseconds of the monotonic clock. */
  readonly since: WeakMap<Piece, number>
}

/**
 * Resolves once all is verified and written. Rejects with the swarm's failure, an error of our own
 * disk, or the signal's reason.
 */
export async function pull(
  deps: FetchDeps,
  incoming: Incoming,
  swarm: Swarm,
  options: FetchOptions,
): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const plan = createPlan(incoming.missing())
  const work: Work = {
    deps,
    incoming,
    plan,
    signal,
    options,
    changed: createWakeSignal(),
    running: new Map(),
    since: new WeakMap(),
  }
  const onAbort = (): void => work.changed.send()
  signal.addEventListener('abort', onAbort, { once: true })
  let failure: OwnFailure | undefined
  const fail = (error: unknown): void => {
    failure ??= error as OwnFailure
  }
  let refreshAt = deps.clock.monotonic() + REFRESH_MS
  // Beside the loop: a tracker that is slow or silent must not keep the providers waiting.
  let search: Search | undefined
  try {
    while (incoming.missing().length > 0) {
      signal.throwIfAborted()
      if (failure !== undefined) throw failure.cause
      staff(work, swarm, fail)
      const idle = streams(work) === 0
      if (search?.over === true) {
        if (search.failure !== undefined) throw search.failure
        // No stream ran when the search began, and it found no provider that is new.
        if (idle && search.idle && !search.better)
          throw swarm.failure(incoming.size, sum(incoming.missing()))
        search = undefined
        refreshAt = deps.clock.monotonic() + REFRESH_MS
      }
      if (search === undefined && (idle || deps.clock.monotonic() >= refreshAt))
        search = startSearch(swarm, idle, work.changed.send)
      const cancel = deps.clock.after(
        search === undefined
          ? Math.min(LATE_MS, Math.max(1, refreshAt - deps.clock.monotonic()))
          : LATE_MS,
        work.changed.send,
      )
      await work.changed.wait()
      cancel()
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    over.abort(blobError('blob.aborted', { id: incoming.id }))
    while (streams(work) > 0) await work.changed.wait()
  }
}

/** A look for more providers that goes on while pieces are fetched. */
interface Search {
  /** Whether no stream ran when it began. */
  readonly idle: boolean
  over: boolean
  /** Whether it found a provider that is new or has more than before. */
  better: boolean
  failure: unknown
}

/** Rings when the search is over. */
function startSearch(swarm: Swarm, idle: boolean, ring: () => void): Search {
  const search: Search = { idle, over: false, better: false, failure: undefined }
  const end = (result: Partial<Search>): void => {
    Object.assign(search, result, { over: true })
    ring()
  }
  swarm.refresh().then(
    (better) => end({ better }),
    (failure: unknown) => end({ failure }),
  )
  return search
}

function streams(work: Work): number {
  return [...work.running.values()].reduce((total, count) => total + count, 0)
}

/** Starts streams for which there is a piece. */
function staff(work: Work, swarm: Swarm, fail: (error: unknown) => void): void {
  const { running, incoming } = work
  const sources = swarm.usable(incoming.size).slice(0, MAX_SOURCES)
  const workers = sources.length * STREAMS_PER_SOURCE
  for (const source of sources) {
    for (let count = running.get(source) ?? 0; count < STREAMS_PER_SOURCE; count += 1) {
      const piece = nextPiece(work, source, workers, count === 0)
      if (piece === undefined) break
      running.set(source, count + 1)
      runStream(work, source, piece, workers)
        .catch(fail)
        .finally(() => {
          running.set(source, (running.get(source) as number) - 1)
          work.changed.send()
        })
    }
  }
}

function nextPiece(
  { deps, plan, incoming, since }: Work,
  source: Source,
  workers: number,
  mayRace: boolean,
): Piece | undefined {
  const holds = source.holding?.ranges
  const now = deps.clock.monotonic()
  const late = (piece: Piece): boolean => now - (since.get(piece) ?? now) >= LATE_MS
  const piece =
    plan.take(source.peer, holds, workers) ??
    (mayRace ? plan.double(source.peer, holds, incoming.missing(), late) : undefined)
  if (piece !== undefined) since.set(piece, now)
  return piece
}

/**
 * One stream to one source: piece after piece, until there is no more for it or it fails. Rejects
 * only with an {@link OwnFailure}.
 */
async function runStream(work: Work, source: Source, first: Piece, workers: number): Promise<void> {
  const { deps, incoming, plan, signal } = work
  let client: Client<typeof blobs> | undefined
  let piece: Piece | undefined = first
  try {
    while (piece !== undefined) {
      try {
        client ??= await source.open(signal)
        await runPiece(work, client, piece)
        plan.finish(piece)
        source.praise()
      } catch (error) {
        client?.abort(error as Error)
        client = undefined
        plan.giveBack(piece, incoming.missing())
        if (error instanceof OwnFailure) throw error
        if (signal.aborted) return
        if (error !== LOST_RACE) {
          source.blame(error)
          if (source.usable) await deps.clock.sleep(RETRY_MS, signal).catch(() => undefined)
        }
      }
      work.changed.send()
      piece = source.usable && !signal.aborted ? nextPiece(work, source, workers, false) : undefined
    }
  } finally {
    await client?.close().catch(() => undefined)
  }
}

const LOST_RACE = new Error('the rival was first')

async function runPiece(work: Work, client: Client<typeof blobs>, piece: Piece): Promise<void> {
  const { deps, incoming, options } = work
  const race = new AbortController()
  const off = work.changed.on(() => {
    const left = incoming.missing()
    // An empty blob is missing as a range without bytes, and nobody races for it.
    if (incoming.size > 0 && intersect(left, [piece.range]).length === 0) race.abort(LOST_RACE)
  })
  try {
    await fetchRange(deps, client, incoming, piece.range, {
      signal: AbortSignal.any([work.signal, race.signal]),
      stallMs: options.stallMs ?? STALL_MS,
    })
  } finally {
    off()
  }
  options.progress?.({ verified: incoming.size - sum(incoming.missing()), size: incoming.size })
}
