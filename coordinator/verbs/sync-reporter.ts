/**
 * Turns the events of a sync, which come thousands a second, into the few reports that a watching
 * operator can use.
 */
import type { Clock } from '../../shared/clock.ts'
import type { OnSyncEvent } from '../repositories/model/progress.ts'
import type { OperateContext } from '../operations/operation.ts'

/** Five reports a second look alive; more would only be drawn over. */
const REPORT_MS = 200

export interface SyncReporter {
  readonly onEvent: OnSyncEvent
  phase(what: string): void
}

export function createReporter(
  deps: { clock: Clock },
  context: Pick<OperateContext, 'progress'>,
): SyncReporter {
  const state = { what: 'metadata', total: 0, of: 0, files: 0, done: 0 }
  const under = new Map<string, number>()
  let reportedAt = Number.NEGATIVE_INFINITY
  let sending: Promise<void> | undefined

  /** The state changed after the last report: the next one is due even if no event follows. */
  let behind = false
  let later: (() => void) | undefined

  const report = (now = false): void => {
    behind = true
    // One at a time: a slow terminal gets fewer reports, and the sync never waits for it.
    if (sending !== undefined || later !== undefined) return
    const wait = now ? 0 : reportedAt + REPORT_MS - deps.clock.monotonic()
    if (wait > 0) {
      later = deps.clock.after(wait, () => {
        later = undefined
        send()
      })
    } else send()
  }

  const send = (): void => {
    behind = false
    reportedAt = deps.clock.monotonic()
    const partial = [...under.values()].reduce((sum, bytes) => sum + bytes, 0)
    sending = context
      .progress({
        what: state.what,
        done: state.done + partial,
        total: state.total,
        files: state.files,
        of: state.of,
      })
      // The operator stopped watching; the sync goes on.
      .catch(() => undefined)
      .finally(() => {
        sending = undefined
        if (behind) report()
      })
  }

  return {
    onEvent: (event) => {
      if (event.type === 'phase') state.what = event.phase
      else if (event.type === 'total') Object.assign(state, { of: event.files, total: event.bytes })
      else if (event.type === 'file') under.set(event.file, event.done)
      else if (event.type === 'fetched') {
        under.delete(event.file)
        state.files += 1
        state.done += event.bytes
      } else if (event.type === 'failed') under.delete(event.file)
      report(event.type === 'phase' || event.type === 'total')
    },
    phase: (what) => {
      state.what = what
      report(true)
    },
  }
}
