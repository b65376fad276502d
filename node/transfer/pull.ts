/**
 * Fetches the missing ranges of a blob. It starts streams to the providers, lets idle providers
 * race for late pieces (plan.ts), and searches for new providers.
 */
import { asError } from '../../shared/as-error.ts'
import { blobError } from '../../shared/blobs/errors.ts'
import type { Incoming } from '../../shared/blobs/pool.ts'
import type { blobs } from '../../protocols/blobs/protocol.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import { createWakeSignal, type WakeSignal } from './wake-signal.ts'
import type { Swarm } from './swarm.ts'
import type { FetchDeps, FetchOptions } from './fetch.ts'
import { type Piece, type Plan, createPlan, intersect, sum } from './plan.ts'
import { OwnFailure, fetchRange } from './range.ts'
import { startSearch, type Search } from './search.ts'
import type { Source } from './source.ts'

/** The number of providers of one blob at a time. More of them would only share the same line. */
const MAX_SOURCES = 8
/**
 * The number of streams to one provider. While one requests its next range, the other receives
 * data.
 */
const STREAMS_PER_SOURCE = 2
/** A provider without a byte for this time has stalled, and another one gets its range. */
const STALL_MS = 10_000
/**
 * Other providers may race for a piece that takes longer. Most pieces take a fraction of this time.
 */
const LATE_MS = 1_000
/** The interval of searches for more providers during a fetch. */
const REFRESH_MS = 5_000
/** The pause before a provider is used again after it was busy or reset a stream. */
const RETRY_MS = 250

interface Work {
  readonly deps: FetchDeps
  readonly incoming: Incoming
  readonly plan: Plan
  readonly signal: AbortSignal
  readonly options: FetchOptions
  /** Sent when a piece has ended. */
  readonly changed: WakeSignal
  /** The number of streams of each source. Only startStreams() changes it. */
  readonly running: Map<Source, number>
  /** The start of each piece in milliseconds of the monotonic clock. */
  readonly since: WeakMap<Piece, number>
}

/**
 * Resolves when all bytes are verified and written. Rejects with the swarm's failure, an error of
 * this node's disk, or the signal's reason.
 */
export async function pull(
  deps: FetchDeps,
  incoming: Incoming,
  swarm: Swarm,
  options: FetchOptions,
): Promise<void> {
  const over = new AbortController()
  const work: Work = {
    deps,
    incoming,
    plan: createPlan(incoming.missing()),
    signal: AbortSignal.any([options.signal, over.signal]),
    options,
    changed: createWakeSignal(),
    running: new Map(),
    since: new WeakMap(),
  }
  const { changed, signal } = work
  signal.addEventListener('abort', changed.send, { once: true })
  try {
    await fetchMissing(work, swarm)
  } finally {
    signal.removeEventListener('abort', changed.send)
    over.abort(blobError('blob.aborted', { id: incoming.id }))
    while (countStreams(work) > 0) await changed.wait()
  }
}

async function fetchMissing(work: Work, swarm: Swarm): Promise<void> {
  const { deps, incoming, changed, signal } = work
  const { clock } = deps
  let failure: { readonly cause: unknown } | undefined
  const fail = (error: unknown): void => {
    failure ??= { cause: error instanceof OwnFailure ? error.cause : error }
  }
  let refreshAt = clock.monotonic() + REFRESH_MS
  // A search runs beside this loop, so that a slow tracker doesn't delay the providers.
  let search: Search | undefined
  while (incoming.missing().length > 0) {
    signal.throwIfAborted()
    if (failure !== undefined) throw failure.cause
    startStreams(work, swarm, fail)
    const isIdle = countStreams(work) === 0
    if (search?.result !== undefined) {
      requireProgress(search, isIdle, () => swarm.failure(incoming.size, sum(incoming.missing())))
      search = undefined
      refreshAt = clock.monotonic() + REFRESH_MS
    }
    if (search === undefined && (isIdle || clock.monotonic() >= refreshAt))
      search = startSearch(swarm, isIdle, changed.send)
    const untilRefresh = search === undefined ? refreshAt - clock.monotonic() : LATE_MS
    const cancel = clock.after(Math.min(LATE_MS, Math.max(1, untilRefresh)), changed.send)
    await changed.wait()
    cancel()
  }
}

/**
 * Checks the result of a search that has ended.
 * @throws the failure of the search, or `failure` if no stream runs and the search found no
 * provider
 */
function requireProgress(search: Search, isIdle: boolean, failure: () => unknown): void {
  const { result, idle } = search
  if (result === undefined) return
  if ('failure' in result) throw result.failure
  // No stream ran when the search began, and it found no new provider.
  if (isIdle && idle && !result.better) throw failure()
}

function countStreams(work: Work): number {
  return [...work.running.values()].reduce((total, count) => total + count, 0)
}

/** Starts a stream for each piece that a provider can fetch now. */
function startStreams(work: Work, swarm: Swarm, fail: (error: unknown) => void): void {
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
          running.set(source, (running.get(source) ?? 1) - 1)
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
  const isLate = (piece: Piece): boolean => now - (since.get(piece) ?? now) >= LATE_MS
  const piece =
    plan.take(source.peer, holds, workers) ??
    (mayRace ? plan.double(source.peer, holds, incoming.missing(), isLate) : undefined)
  if (piece !== undefined) since.set(piece, now)
  return piece
}

/**
 * Fetches one piece after another from a source, until none is left for it or it fails. Rejects
 * only with an {@link OwnFailure}.
 */
async function runStream(work: Work, source: Source, first: Piece, workers: number): Promise<void> {
  const connection: Connection = { client: undefined }
  let piece: Piece | undefined = first
  try {
    while (piece !== undefined) {
      await tryPiece(work, source, connection, piece)
      work.changed.send()
      const isOver = !source.usable || work.signal.aborted
      piece = isOver ? undefined : nextPiece(work, source, workers, false)
    }
  } finally {
    await connection.client?.close().catch(() => undefined)
  }
}

/** The connection is opened for the first piece, and again after a failure. */
interface Connection {
  client: Client<typeof blobs> | undefined
}

/** @throws an OwnFailure */
async function tryPiece(
  work: Work,
  source: Source,
  connection: Connection,
  piece: Piece,
): Promise<void> {
  try {
    connection.client ??= await source.open(work.signal)
    await runPiece(work, connection.client, piece)
    work.plan.finish(piece)
    source.recordSuccess()
  } catch (error) {
    connection.client?.abort(asError(error))
    connection.client = undefined
    await afterFailure(work, source, piece, error)
  }
}

/** Returns the piece to the plan and records the source's failure. @throws OwnFailure */
async function afterFailure(
  { deps, incoming, plan, signal }: Work,
  source: Source,
  piece: Piece,
  error: unknown,
): Promise<void> {
  plan.giveBack(piece, incoming.missing())
  if (error instanceof OwnFailure) throw error
  if (signal.aborted || error === LOST_RACE) return
  source.recordFailure(error)
  if (source.usable) await deps.clock.sleep(RETRY_MS, signal).catch(() => undefined)
}

const LOST_RACE = new Error('another provider was faster')

async function runPiece(work: Work, client: Client<typeof blobs>, piece: Piece): Promise<void> {
  const { deps, incoming, options } = work
  const race = new AbortController()
  const off = work.changed.on(() => {
    const left = incoming.missing()
    // The missing range of an empty blob has no bytes, and no provider races for it.
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
