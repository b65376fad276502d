/**
 * The asking side of `/muster/providers/1`: asks the coordinators who holds what, and tells them
 * what this node holds. One stream to each coordinator at a time, however much is asked at once:
 * what comes up while a call is under way goes out together in the next one. A stream for each
 * question would meet the protocol's bound on streams as soon as a few fetches run side by side.
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
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { BlobId } from '../../shared/ids.ts'
import { abortable } from '../../shared/interrupt.ts'
import type { Logger } from '../../shared/logger.ts'
import { queueError } from '../../shared/concurrency/queue.ts'
import { nodeError } from '../ground/errors.ts'
import type { MusterNode } from '../node.ts'

/**
 * A coordinator that does not answer within this is given up for what was asked; announcements
 * reach it at the next connection.
 */
const ANSWER_MS = 30_000
/**
 * What the other coordinators get after one has named a provider: many times their usual answer.
 */
const LATER_MS = 1_000
/**
 * Questions and announcements that wait for one coordinator: more than the fetches that may wait.
 * What is over is refused.
 */
const MAX_WAITING = 20_000

export interface Held {
  readonly id: BlobId
  /** Bytes. */
  readonly size: number
}

export interface Tracker {
  /**
   * Who holds or may hold the blob, as the coordinators know. @throws node.not-connected,
   * protocol.* where none of them answers; the signal's reason
   */
  find(id: BlobId, signal: AbortSignal): Promise<Answer>
  /**
   * Tells every coordinator of up to {@link MAX_ANNOUNCED} more blobs and, with none too, where
   * this node can be dialled. Resolves once each has taken it or has failed to, which is logged.
   * False if one failed. `all`: these are the last of all that this node holds.
   */
  tell(holds: readonly Held[], options?: { all: boolean }): Promise<boolean>
  /** Ends what is under way. */
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
  /** Hosts that may hold it too; undefined if a coordinator knows that there is none. */
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
      createLine(deps, coordinator, closing.signal, () => lines.delete(coordinator))
    lines.set(coordinator, line)
    return line
  }
  return {
    find: async (id, signal) => {
      signal.throwIfAborted()
      const coordinators = options.coordinators()
      if (coordinators.length === 0)
        throw nodeError('node.not-connected', { peer: 'any coordinator' })
      const asked = coordinators.map((peer) => lineTo(peer)({ ask: id, holds: [], all: false }))
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
    tell: async (holds, { all } = { all: false }) => {
      const told = options.coordinators().map(async (coordinator) => {
        try {
          await lineTo(coordinator)({ ask: undefined, holds, all })
          return true
        } catch (error) {
          if (!(error instanceof MusterError) && !closing.signal.aborted) throw error
          deps.log.debug({ coordinator, error }, 'an announcement was not taken')
          return false
        }
      })
      return (await Promise.all(told)).every(Boolean)
    },
    close: () => closing.abort(nodeError('node.closed')),
  }
}

/**
 * What the coordinators know. Once one of them named a provider, the others have a moment more: a
 * coordinator that hangs must not hold the fetch up.
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
    const answered = (): void => {
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
        .finally(answered)
  })
}

type Line = (job: Omit<Job, 'done'>) => Promise<Answer>

/** The jobs for one coordinator, in order. `over` is called when none is left. */
function createLine(
  deps: { node: MusterNode; clock: Clock; log: Logger },
  coordinator: string,
  closing: AbortSignal,
  over: () => void,
): Line {
  // Owned by add() and work().
  const waiting: Job[] = []
  let working = false

  const work = async (): Promise<void> => {
    let client: Client<typeof providers> | undefined
    for (let batch = nextBatch(waiting); batch.length > 0; batch = nextBatch(waiting)) {
      const signal = AbortSignal.any([closing, deps.clock.timeout(ANSWER_MS)])
      try {
        client ??= openClient(
          providers,
          await deps.node.open(coordinator, providers.id, signal),
          deps,
        )
        await answer(deps, client, batch, signal)
      } catch (error) {
        client?.abort(error as Error)
        client = undefined
        for (const { done } of batch) done.reject(error)
      }
    }
    working = false
    over()
    await client?.close().catch(() => undefined)
  }
  return (job) => {
    if (waiting.length >= MAX_WAITING) {
      return Promise.reject(
        queueError('queue.full', {
          queue: `the line to coordinator ${coordinator}`,
          capacity: MAX_WAITING,
        }),
      )
    }
    const whole: Job = { ...job, done: Promise.withResolvers() }
    waiting.push(whole)
    if (!working) {
      working = true
      // In a microtask, so that what is asked in one turn goes out together.
      queueMicrotask(() => void work())
    }
    return whole.done.promise
  }
}

/** Takes the first jobs that one call can carry: questions, or announcements. */
function nextBatch(waiting: Job[]): Job[] {
  const questions = waiting[0]?.ask !== undefined
  let count = 0
  let weight = 0
  while (count < waiting.length) {
    const job = waiting[count] as Job
    weight += questions ? 1 : job.holds.length
    if (
      (job.ask !== undefined) !== questions ||
      (count > 0 && weight > (questions ? MAX_ASKED : MAX_ANNOUNCED))
    )
      break
    count += 1
  }
  return waiting.splice(0, count)
}

async function answer(
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
  // The coordinator takes four addresses: two families, two networks.
  const addresses = deps.node.addresses().slice(0, MAX_ADDRESSES)
  await client.call(
    'announce',
    {
      addresses,
      holds: batch.flatMap((job) => job.holds),
      drops: [],
      ...(batch.some(({ all }) => all) && { all: true }),
    },
    { signal },
  )
  for (const job of batch) job.done.resolve({ providers: [], away: undefined })
}
