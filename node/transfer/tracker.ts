/**
 * The client of `/muster/providers/1`. It finds the holders of blobs and announces this node's
 * blobs. It uses one stream for each coordinator, because the protocol limits streams. Jobs that
 * arrive during a call are sent together in the next one.
 */
import { openClient, type Client } from '../../protocols/rpc/call.ts'
import {
  type Away,
  MAX_ADDRESSES,
  MAX_ANNOUNCED,
  MAX_ASKED,
  type Provider,
} from '../../protocols/providers/messages.ts'
import { providers } from '../../protocols/providers/protocol.ts'
import { asError } from '../../shared/as-error.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import { MusterError } from '../../shared/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import { abortable } from '../../shared/interrupt.ts'
import type { Logger } from '../../shared/logger.ts'
import { queueError } from '../../shared/concurrency/queue.ts'
import { nodeError } from '../ground/errors.ts'
import type { MusterNode } from '../node.ts'

/** The time limit of a call. Announcements are sent again at the next connection. */
const ANSWER_MS = 30_000
/**
 * The time that other coordinators have after one found a provider. It is many times the usual
 * response time.
 */
const LATER_MS = 1_000
/**
 * The number of jobs that wait for one coordinator. It is more than the number of waiting fetches.
 */
const MAX_WAITING = 20_000

export interface Held {
  readonly id: BlobId
  /** The size in bytes. */
  readonly size: number
}

export interface Tracker {
  /**
   * Finds the holders in the indexes of the coordinators.
   * @throws node.not-connected or protocol.* if no coordinator responds, or the signal's reason
   */
  find(id: BlobId, signal: AbortSignal): Promise<Answer>
  /**
   * Announces up to {@link MAX_ANNOUNCED} blobs and this node's addresses to every coordinator. An
   * empty list announces only the addresses. `all`: these are the last blobs of this node. Failures
   * are logged, and it then returns false.
   */
  announce(holds: readonly Held[], options?: { all: boolean }): Promise<boolean>
  /** Aborts all calls. */
  close(): void
}

interface Job {
  readonly ask: BlobId | undefined
  readonly holds: readonly Held[]
  readonly all: boolean
  readonly done: PromiseWithResolvers<Answer>
}

interface Answer {
  readonly providers: readonly Provider[]
  /** Hosts that may also hold the blob. Undefined if a coordinator reported that there are none. */
  readonly away: Away | undefined
}

export function createTracker(
  deps: { node: MusterNode; clock: Clock; log: Logger },
  options: { coordinators: () => readonly string[] },
): Tracker {
  const closing = new AbortController()
  const lines = new Map<string, Line>()
  const lineTo = (coordinator: string): Line => {
    const line =
      lines.get(coordinator) ??
      new Line(deps, coordinator, closing.signal, () => lines.delete(coordinator))
    lines.set(coordinator, line)
    return line
  }
  return {
    find: async (id, signal) => {
      signal.throwIfAborted()
      const coordinators = options.coordinators()
      if (coordinators.length === 0)
        throw nodeError('node.not-connected', { peer: 'any coordinator' })
      const asked = coordinators.map((peer) => lineTo(peer).add({ ask: id, holds: [], all: false }))
      const { answers, refusals } = await abortable(firstAnswers(deps.clock, asked), signal)
      if (refusals.length === asked.length) throw refusals[0]
      const isSure = answers.some(({ away }) => away === undefined)
      return {
        providers: answers
          .flatMap(({ providers }) => providers)
          .filter((provider) => provider.peer !== deps.node.peerId),
        away: isSure ? undefined : answers[0]?.away,
      }
    },
    announce: async (holds, { all } = { all: false }) => {
      const announced = options.coordinators().map(async (coordinator) => {
        try {
          await lineTo(coordinator).add({ ask: undefined, holds, all })
          return true
        } catch (error) {
          if (!(error instanceof MusterError) && !closing.signal.aborted) throw error
          deps.log.debug({ coordinator, error }, 'an announcement failed')
          return false
        }
      })
      return (await Promise.all(announced)).every(Boolean)
    },
    close: () => closing.abort(nodeError('node.closed')),
  }
}

/**
 * Waits for all coordinators. After one of them found a provider, waits only {@link LATER_MS} more.
 */
function firstAnswers(
  clock: Clock,
  asked: readonly Promise<Answer>[],
): Promise<{ answers: Answer[]; refusals: unknown[] }> {
  return new Promise((resolve) => {
    const answers: Answer[] = []
    const refusals: unknown[] = []
    let left = asked.length
    let cancel: (() => void) | undefined
    const enough = (): void => resolve({ answers: [...answers], refusals })
    const onSettled = (): void => {
      left -= 1
      if (left === 0) {
        cancel?.()
        enough()
      } else if (answers.some(({ providers }) => providers.length > 0))
        cancel ??= clock.after(LATER_MS, enough)
    }
    for (const answer of asked)
      answer
        .then(
          (given) => void answers.push(given),
          (error: unknown) => void refusals.push(error),
        )
        .finally(onSettled)
  })
}

type NewJob = Omit<Job, 'done'>

/** Sends the jobs for one coordinator in order. Calls `onIdle` when no job is left. */
class Line {
  readonly #deps: { readonly node: MusterNode; readonly clock: Clock }
  readonly #coordinator: string
  readonly #closing: AbortSignal
  readonly #onIdle: () => void
  readonly #waiting: Job[] = []
  #working = false

  constructor(
    deps: { node: MusterNode; clock: Clock },
    coordinator: string,
    closing: AbortSignal,
    onIdle: () => void,
  ) {
    this.#deps = deps
    this.#coordinator = coordinator
    this.#closing = closing
    this.#onIdle = onIdle
  }

  async add(job: NewJob): Promise<Answer> {
    if (this.#waiting.length >= MAX_WAITING) {
      const queue = `the line to coordinator ${this.#coordinator}`
      throw queueError('queue.full', { queue, capacity: MAX_WAITING })
    }
    const whole: Job = { ...job, done: Promise.withResolvers() }
    this.#waiting.push(whole)
    if (!this.#working) {
      this.#working = true
      // The work starts in a microtask, so that jobs of the same moment are sent together.
      queueMicrotask(() => void this.#work())
    }
    return whole.done.promise
  }

  async #work(): Promise<void> {
    const { node, clock } = this.#deps
    let client: Client<typeof providers> | undefined
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      const signal = AbortSignal.any([this.#closing, clock.timeout(ANSWER_MS)])
      try {
        client ??= openClient(
          providers,
          await node.open(this.#coordinator, providers.id, signal),
          this.#deps,
        )
        await send(this.#deps, client, batch, signal)
      } catch (error) {
        client?.abort(asError(error))
        client = undefined
        for (const { done } of batch) done.reject(error)
      }
    }
    this.#working = false
    this.#onIdle()
    await client?.close().catch(() => undefined)
  }

  #next(): Job[] {
    return nextBatch(this.#waiting)
  }
}

/**
 * Removes and returns the first jobs that fit into one call: only lookups, or only announcements.
 */
function nextBatch(waiting: Job[]): Job[] {
  const isLookup = waiting[0]?.ask !== undefined
  const limit = isLookup ? MAX_ASKED : MAX_ANNOUNCED
  let count = 0
  let weight = 0
  for (const { ask, holds } of waiting) {
    weight += isLookup ? 1 : holds.length
    if ((ask !== undefined) !== isLookup || (count > 0 && weight > limit)) break
    count += 1
  }
  return waiting.splice(0, count)
}

async function send(
  deps: { node: MusterNode },
  client: Client<typeof providers>,
  batch: readonly Job[],
  signal: AbortSignal,
): Promise<void> {
  const ids = batch.flatMap((job) => job.ask ?? [])
  if (ids.length > 0) {
    const { found, away } = await client.call('find', { ids }, { signal })
    for (const [i, job] of batch.entries()) job.done.resolve({ providers: found[i] ?? [], away })
    return
  }
  // The coordinator accepts four addresses: two families in two networks.
  const addresses = deps.node.addresses().slice(0, MAX_ADDRESSES)
  await client.call(
    'announce',
    {
      addresses,
      holds: batch.flatMap((job) => job.holds),
      drops: [],
      ...defined({ all: batch.some(({ all }) => all) || undefined }),
    },
    { signal },
  )
  for (const job of batch) job.done.resolve({ providers: [], away: undefined })
}
