/** A list of listeners for one kind of event. */
export interface Listeners<Args extends readonly unknown[]> {
  /** @returns the function that removes the listener */
  on(listener: (...args: Args) => void): () => void
  emit(...args: Args): void
}

export function createListeners<Args extends readonly unknown[]>(): Listeners<Args> {
  const listeners = new Set<(...args: Args) => void>()
  return {
    on: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    emit: (...args) => {
      for (const listener of listeners) listener(...args)
    },
  }
}
