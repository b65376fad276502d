/**
 * Shares a counting semaphore fairly among its users. One user holds at most `each` permits, and a
 * free permit goes to the user that waits longest since its last one. A user with many or slow
 * requests delays only itself.
 */
import { queueError } from './queue.ts'

export interface FairSemaphoreOptions {
  /** The semaphore's name in errors. */
  readonly name: string
  /** The number of permits of all users together. */
  readonly total: number
  /** The maximum number of permits of one user. */
  readonly each: number
  /** The maximum number of waiters of all users together. */
  readonly waiting: number
}

export interface FairSemaphore {
  /**
   * Waits for a permit.
   * @returns the function that releases it; a second call of it does nothing
   * @throws queue.full when too many wait, or the signal's reason
   */
  acquire(user: string, signal: AbortSignal): Promise<() => void>
}

type Waiter = PromiseWithResolvers<() => void>

export function createFairSemaphore(options: FairSemaphoreOptions): FairSemaphore {
  const permits = createPermits(options)
  const waiters = createWaiters()

  const grant = (user: string): (() => void) => {
    permits.take(user)
    let held = true
    return () => {
      if (!held) return
      held = false
      permits.giveBack(user)
      grantFree()
    }
  }
  const grantFree = (): void => {
    for (const user of waiters.users()) {
      if (permits.exhausted()) return
      if (!permits.free(user)) continue
      const waiter = waiters.shift(user)
      waiter?.resolve(grant(user))
    }
  }
  return {
    acquire: async (user, signal) => {
      signal.throwIfAborted()
      // A user with waiters has no free permit, so this call waits too.
      if (!waiters.has(user) && permits.free(user)) return grant(user)
      if (waiters.count() >= options.waiting)
        throw queueError('queue.full', { queue: options.name, capacity: options.waiting })
      const waiter: Waiter = Promise.withResolvers()
      waiters.add(user, waiter)
      const leave = (): void => {
        waiters.remove(user, waiter)
        waiter.reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      try {
        return await waiter.promise
      } finally {
        signal.removeEventListener('abort', leave)
      }
    },
  }
}

/** Counts the permits that are held, in total and by each user. */
function createPermits({ total, each }: Pick<FairSemaphoreOptions, 'total' | 'each'>) {
  const held = new Map<string, number>()
  let taken = 0
  return {
    exhausted: () => taken >= total,
    free: (user: string) => taken < total && (held.get(user) ?? 0) < each,
    take: (user: string) => {
      taken += 1
      held.set(user, (held.get(user) ?? 0) + 1)
    },
    giveBack: (user: string) => {
      taken -= 1
      const left = (held.get(user) ?? 1) - 1
      if (left === 0) held.delete(user)
      else held.set(user, left)
    },
  }
}

/** The waiters of each user. Users are in the order in which they get a permit. */
function createWaiters() {
  const lines = new Map<string, Set<Waiter>>()
  let count = 0
  const remove = (user: string, waiter: Waiter): void => {
    const line = lines.get(user)
    if (line?.delete(waiter) !== true) return
    count -= 1
    if (line.size === 0) lines.delete(user)
  }
  return {
    count: () => count,
    has: (user: string) => lines.has(user),
    /** Visits a user again when {@link shift} moved it behind the others. */
    users: () => lines.keys(),
    add: (user: string, waiter: Waiter) => {
      lines.set(user, (lines.get(user) ?? new Set()).add(waiter))
      count += 1
    },
    remove,
    /** Takes the user's first waiter, and moves the rest of its line behind all other users. */
    shift: (user: string): Waiter | undefined => {
      const line = lines.get(user)
      const waiter = line?.values().next().value
      if (line === undefined || waiter === undefined) return undefined
      remove(user, waiter)
      if (lines.delete(user)) lines.set(user, line)
      return waiter
    },
  }
}
