/**
 * A bell: whoever waits is woken when it rings, and looks again at what it waits for. It carries no
 * value and remembers nothing.
 */
export interface Bell {
  ring(): void
  /** Resolves at the next ring. */
  wait(): Promise<void>
  on(listener: () => void): () => void
}

export function createBell(): Bell {
  let next = Promise.withResolvers<void>()
  const listeners = new Set<() => void>()
  return {
    ring: () => {
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
