/** Runs work once per key: a second caller of a key joins the work that is under way. */
export class SingleFlight<K, T> {
  readonly #running = new Map<K, Promise<T>>()

  /** Starts `work`, or returns the promise of the work that runs under this key. */
  run(key: K, work: () => Promise<T>): Promise<T> {
    const joined = this.#running.get(key)
    if (joined !== undefined) return joined
    const running = work().finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    return running
  }

  /** Resolves when the work that is under way now has ended, also if it failed. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }
}
