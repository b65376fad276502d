/**
 * Provides waits that can be interrupted, without Promise.race. A race keeps a reaction, and with
 * it the winner's value, on each of its promises that hasn't settled. A loop that races against one
 * long-lived promise therefore keeps every value.
 */

export interface Interrupt {
  /**
   * Resolves with the work's result. Rejects with the reason of `end` as soon as `end` is called.
   * The work continues.
   */
  wait<T>(work: PromiseLike<T>): Promise<T>
  /** Interrupts all current and later waits. Only the first call counts. */
  end(reason: unknown): void
  /** Throws the reason of `end` if `end` was called. */
  throwIfEnded(): void
}

export function createInterrupt(): Interrupt {
  // Owned by wait() and end(): the current waits only.
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
 * Resolves with the work's result. Rejects with the signal's reason as soon as the signal aborts.
 * The work continues. The signal keeps no listener afterwards. Don't call this repeatedly with one
 * promise, because a promise that hasn't settled keeps a reaction for each wait.
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
 * Resolves when the signal aborts. The listener stays until then, so the signal must not outlive
 * its caller.
 */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
