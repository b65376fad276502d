/** Wakes all current waiters. A signal sent while no one waits is lost. */
export interface WakeSignal {
  send(): void
  /** Resolves at the next signal. */
  wait(): Promise<void>
  /** @returns a function that removes the listener */
  on(listener: () => void): () => void
}

export function createWakeSignal(): WakeSignal {
  let next = Promise.withResolvers<void>()
  const listeners = new Set<() => void>()
  return {
    send: () => {
      next.resolve()
      next = Promise.withResolvers()
      for (const listener of listeners) listener()
    },
    wait: () => next.promise,
    on: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
