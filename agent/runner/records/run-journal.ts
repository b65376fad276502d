/**
 * The record of one run. A change is durable before it is visible. Callers can wait for changes.
 */
import type { Random } from '../../../shared/random.ts'
import type { RunnerLog } from '../ground/log.ts'
import { saveRecord } from './record-file.ts'
import { advance, hasEnded, type RunEvent, type RunRecord } from '../ground/run-state.ts'

export class RunJournal {
  readonly #deps: { readonly random: Random; readonly log: RunnerLog }
  readonly #folder: string
  readonly #ended = Promise.withResolvers<void>()
  readonly #waiters = new Set<() => void>()
  // Only #apply() changes these fields. Its calls never overlap.
  #record: RunRecord
  #saving: Promise<void> = Promise.resolve()

  constructor(deps: { random: Random; log: RunnerLog }, folder: string, record: RunRecord) {
    this.#deps = deps
    this.#folder = folder
    this.#record = record
    if (hasEnded(record)) this.#ended.resolve()
  }

  get record(): RunRecord {
    return this.#record
  }

  /** Resolves when the run has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Resolves when the changes so far are on disk. */
  get settled(): Promise<void> {
    return this.#saving
  }

  /**
   * Applies events in the order of the calls. Throws only if `launched` can't be written, because
   * the program must not start in that case.
   */
  commit(...events: readonly RunEvent[]): Promise<void> {
    const result = this.#saving.then(() => this.#apply(events))
    this.#saving = result.catch(() => undefined)
    return result
  }

  /** Resolves at the next change of the record or {@link wake}, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      if (signal.aborted) return resolve()
      this.#waiters.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  wake(): void {
    for (const wake of this.#waiters) wake()
  }

  async #apply(events: readonly RunEvent[]): Promise<void> {
    const next = events.reduce(advance, this.#record)
    if (next === this.#record) return
    try {
      await saveRecord(this.#deps, this.#folder, next)
    } catch (error) {
      // On a full disk, the end of a run is still visible. Crash before the next write: the next
      // runner reports `lost`.
      this.#deps.log('record not written', { run: next.run, error })
      if (events.some(({ type }) => type === 'launched')) throw error
    }
    this.#record = next
    if (hasEnded(next)) this.#ended.resolve()
    this.wake()
  }
}
