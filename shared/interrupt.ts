/**
 * Waits that something else can end, without Promise.race. A race keeps a reaction, and with it the
 * winner's value, on each of its promises that hasn't settled. A loop that races against one
 * long-lived promise therefore keeps everything that passed through it.
 */

export interface Interrupt {
  /**
   * The work's result, or the reason of `end` as soon as that is called. The work itself goes on.
   */
  wait<T>(work: PromiseLike<T>): Promise<T>
  /** Ends the waits under way and all later ones. Only the first call counts. */
  end(reason: unknown): void
  /** Throws the reason of `end` once that was called. */
  throwIfEnded(): void
}

export function createInterrupt(): Interrupt {
  // Owned by wait() and end(): the waits under way, and nothing of those that are over.
  const waits = new Set<(reason: unknown) => void>()
  let ended: { readonly reason: unknown } | undefined
  return {
    wait: (work) =>
      new Promise((resolve, reject) => {
        waits.add(reject)
        work.then(
          (value) => {
            waits.delete(reject)
            resolve(value)
          },
          (error: unknown) => {
            waits.delete(reject)
            reject(error)
          },
        )
        if (ended !== undefined) reject(ended.reason)
      }),
    end: (reason) => {
      ended ??= { reason }
      for (const reject of waits) reject(ended.reason)
      waits.clear()
    },
    throwIfEnded: () => {
      if (ended !== undefined) throw ended.reason
    },
  }
}

/**
 * The work's result, or the signal's reason as soon as it aborts; the work itself goes on. The
 * signal keeps no listener afterwards. Not for one promise in each turn of a loop: a promise that
 * hasn't settled keeps a reaction for every wait.
 */
export function abortable<T>(work: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return Promise.resolve(work)
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    const over = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(
      (value) => {
        over()
        resolve(value)
      },
      (error: unknown) => {
        over()
        reject(error)
      },
    )
    if (signal.aborted) onAbort()
  })
}

/**
 * Resolves when the signal aborts. For a wait that lasts as long as the caller: the listener stays
 * until then.
 */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
