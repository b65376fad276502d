/**
 * Reduces the events of a sync to a few progress reports per second. A sync has thousands of events
 * per second.
 */
import type { Clock } from '../../shared/clock.ts'
import type { OnSyncEvent, SyncEvent } from '../repositories/model/progress.ts'
import type { OperateContext } from '../operations/operation.ts'

/** Five reports per second are enough for a progress bar. */
const REPORT_MS = 200

export interface SyncReporter {
  readonly onEvent: OnSyncEvent
  phase(what: string): void
}

export function createReporter(
  deps: { readonly clock: Clock },
  { progress }: Pick<OperateContext, 'progress'>,
): SyncReporter {
  const state = new SyncState()
  const throttle = new Throttle(deps.clock, () => progress(state.report()))
  return {
    onEvent: (event) => {
      state.apply(event)
      throttle.request(event.type === 'phase' || event.type === 'total')
    },
    phase: (what) => {
      state.enter(what)
      throttle.request(true)
    },
  }
}

/** The progress of the sync. */
class SyncState {
  #what = 'metadata'
  #total = 0
  #of = 0
  #files = 0
  #done = 0
  /** The fetched bytes of each incomplete file. */
  readonly #partial = new Map<string, number>()

  enter(phase: string): void {
    this.#what = phase
  }

  apply(event: SyncEvent): void {
    switch (event.type) {
      case 'phase':
        return this.enter(event.phase)
      case 'total':
        this.#of = event.files
        this.#total = event.bytes
        return
      case 'file':
        this.#partial.set(event.file, event.done)
        return
      case 'fetched':
        this.#partial.delete(event.file)
        this.#files += 1
        this.#done += event.bytes
        return
      case 'failed':
        this.#partial.delete(event.file)
        return
      case 'retry':
      case 'notice':
        return
      default:
        return event satisfies never
    }
  }

  report() {
    const partial = [...this.#partial.values()].reduce((sum, bytes) => sum + bytes, 0)
    return {
      what: this.#what,
      done: this.#done + partial,
      total: this.#total,
      files: this.#files,
      of: this.#of,
    }
  }
}

/**
 * Sends one report at a time, and at most one in {@link REPORT_MS}. A slow terminal gets fewer
 * reports, and the sync never waits for the terminal.
 */
class Throttle {
  readonly #clock: Clock
  readonly #send: () => Promise<void>
  #sentAt = Number.NEGATIVE_INFINITY
  #sending = false
  #waiting = false
  /**
   * True if the state changed after the last report. Then another report is sent, even if no event
   * follows.
   */
  #changed = false

  constructor(clock: Clock, send: () => Promise<void>) {
    this.#clock = clock
    this.#send = send
  }

  request(now = false): void {
    this.#changed = true
    if (this.#sending || this.#waiting) return
    const wait = now ? 0 : this.#sentAt + REPORT_MS - this.#clock.monotonic()
    if (wait <= 0) return this.#start()
    this.#waiting = true
    this.#clock.after(wait, () => {
      this.#waiting = false
      this.#start()
    })
  }

  #start(): void {
    this.#changed = false
    this.#sentAt = this.#clock.monotonic()
    this.#sending = true
    void this.#send()
      // The operator stopped watching. The sync continues.
      .catch(() => undefined)
      .finally(() => {
        this.#sending = false
        if (this.#changed) this.request()
      })
  }
}
