/** A counting semaphore. Waiters are served in the order of their calls. */
export interface Semaphore {
  /**
   * Resolves with the function that releases the permit; a second call of it does nothing. Rejects
   * with the signal's reason.
   */
  acquire(signal: AbortSignal): Promise<() => void>
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
  return {
    async acquire(signal) {
      signal.throwIfAborted()
      if (free > 0) {
        free -= 1
        return releaseOnce()
      }
      const turn = Promise.withResolvers<void>()
      const leave = (): void => {
        const position = waiting.indexOf(turn.resolve)
        // The permit is granted already; the caller that gets it releases it.
        if (position < 0) return
        waiting.splice(position, 1)
        turn.reject(signal.reason)
      }
      waiting.push(turn.resolve)
      signal.addEventListener('abort', leave, { once: true })
      try {
        await turn.promise
      } finally {
        signal.removeEventListener('abort', leave)
      }
      return releaseOnce()
    },
  }
}
