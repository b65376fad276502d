/** A counting semaphore. Waiters are served in the order of their calls. */
export interface Semaphore {
  /**
   * Resolves with the function that releases the permit. A second call of this function does
   * nothing. Rejects with the signal's reason.
   */
  acquire(signal?: AbortSignal): Promise<() => void>
}

export function createSemaphore(count: number): Semaphore {
  let free = count
  const waiting: (() => void)[] = []
  const releaseOnce = (): (() => void) => {
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
  const wait = async (signal: AbortSignal | undefined): Promise<void> => {
    const granted = Promise.withResolvers<void>()
    const leave = (): void => {
      const position = waiting.indexOf(granted.resolve)
      // The permit is already granted, and the caller that gets it releases it.
      if (position < 0) return
      waiting.splice(position, 1)
      granted.reject(signal?.reason)
    }
    waiting.push(granted.resolve)
    signal?.addEventListener('abort', leave, { once: true })
    try {
      await granted.promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }
  return {
    async acquire(signal) {
      signal?.throwIfAborted()
      if (free > 0) free -= 1
      else await wait(signal)
      return releaseOnce()
    },
  }
}
