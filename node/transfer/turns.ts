/**
 * Turns for work that a bounded number may do at once, shared among those who ask for it: nobody
 * has more than a few, and a turn that comes free goes to whom waited longest for its last one. So
 * whoever asks for much, or holds its turns for long, delays itself and not the others.
 */
import { queueError } from '../../shared/concurrency/queue.ts'

export interface TurnsOptions {
  /** What the turns are called in errors. */
  readonly name: string
  /** Turns at once, of all and of each. */
  readonly total: number
  readonly each: number
  /** How many may wait, all together. */
  readonly waiting: number
}

export interface Turns {
  /**
   * Waits for a turn and gives the function that ends it. @throws queue.full, or the signal's
   * reason
   */
  take(who: string, signal: AbortSignal): Promise<() => void>
}

interface Waiter {
  readonly turn: PromiseWithResolvers<() => void>
}

export function createTurns(options: TurnsOptions): Turns {
  // Owned by take() and next(). `lines`: who waits, in the order in which they get a turn; nobody
  // is in it with an empty line.
  const held = new Map<string, number>()
  const lines = new Map<string, Set<Waiter>>()
  let running = 0
  let waiting = 0

  const begin = (who: string): (() => void) => {
    running += 1
    held.set(who, (held.get(who) ?? 0) + 1)
    let mine = true
    return () => {
      if (!mine) return
      mine = false
      running -= 1
      const left = (held.get(who) as number) - 1
      if (left === 0) held.delete(who)
      else held.set(who, left)
      next()
    }
  }
  const leave = (who: string, waiter: Waiter): void => {
    const line = lines.get(who)
    if (line?.delete(waiter) !== true) return
    waiting -= 1
    if (line.size === 0) lines.delete(who)
  }
  const mayBegin = (who: string): boolean =>
    running < options.total && (held.get(who) ?? 0) < options.each
  /** Gives the turns that are free to those who may have them. */
  const next = (): void => {
    for (const [who, line] of lines) {
      if (running >= options.total) return
      if (!mayBegin(who)) continue
      const waiter = line.values().next().value as Waiter
      leave(who, waiter)
      // Behind all others with the rest of its line; the loop comes to it again.
      if (lines.delete(who)) lines.set(who, line)
      waiter.turn.resolve(begin(who))
    }
  }
  return {
    take: async (who, signal) => {
      signal.throwIfAborted()
      // Whoever waits already has been passed over for a reason that holds for the newcomer too, or
      // is somebody else who could not begin.
      if (!lines.has(who) && mayBegin(who)) return begin(who)
      if (waiting >= options.waiting)
        throw queueError('queue.full', { queue: options.name, capacity: options.waiting })
      const waiter: Waiter = { turn: Promise.withResolvers() }
      const line = lines.get(who) ?? new Set()
      lines.set(who, line.add(waiter))
      waiting += 1
      const onAbort = (): void => {
        leave(who, waiter)
        waiter.turn.reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        return await waiter.turn.promise
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
  }
}
