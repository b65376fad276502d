/** Runs work once per key. A second caller of a key joins the running work. */
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

  /** Resolves when the work that runs now has ended, also if it failed. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }
}
