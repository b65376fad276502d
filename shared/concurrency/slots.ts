/**
 * A number of places that are taken and given back, first come, first served: how many may do the
 * same thing at once.
 */
export interface Slots {
  /**
   * Resolves with the function that gives the place back; calling that twice does nothing. Rejects
   * with the signal's reason.
   */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  const giveBack = (): (() => void) => {
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
    async take(signal) {
      signal.throwIfAborted()
      if (free > 0) {
        free -= 1
        return giveBack()
      }
      const turn = Promise.withResolvers<void>()
      const leave = (): void => {
        const place = waiting.indexOf(turn.resolve)
        // Not waiting any more: the place is ours already, and the caller that goes on will give it
        // back.
        if (place < 0) return
        waiting.splice(place, 1)
        turn.reject(signal.reason)
      }
      waiting.push(turn.resolve)
      signal.addEventListener('abort', leave, { once: true })
      try {
        await turn.promise
      } finally {
        signal.removeEventListener('abort', leave)
      }
      return giveBack()
    },
  }
}
