/** Announces this node's blobs to the coordinators: all blobs regularly, and each new one. */
import { MAX_ANNOUNCED } from '../../protocols/providers/messages.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { EXPIRES_MS } from '../transfer/provider-index.ts'
import type { Held, Tracker } from '../transfer/tracker.ts'

/** The time after which an announcement is sent again if a coordinator did not accept it. */
const RETRY_MS = 5_000

export interface Announcer {
  /** Announces all blobs. Failures are logged and retried. */
  announceAll(signal: AbortSignal): Promise<void>
  /** Announces one more blob. Failures are logged. */
  announce(held: Held): void
  /** Announces all blobs regularly. Returns a function that ends this. */
  repeat(): () => void
  close(): void
}

/** @param closing - aborts when the node closes */
export function createAnnouncer(
  deps: { pool: Pool; tracker: Tracker; clock: Clock; log: Logger },
  closing: AbortSignal,
): Announcer {
  const { pool, tracker, clock, log } = deps
  let cancelRetry: (() => void) | undefined

  const announceAll = async (signal: AbortSignal): Promise<void> => {
    let holds: Held[] = []
    let isAccepted = true
    for await (const held of pool.list()) {
      if (signal.aborted) return
      holds.push(held)
      if (holds.length === MAX_ANNOUNCED) {
        isAccepted = (await tracker.announce(holds)) && isAccepted
        holds = []
      }
    }
    // This call is sent even if there are no blobs, so that the coordinator gets this node's
    // addresses.
    isAccepted = (await tracker.announce(holds, { all: isAccepted })) && isAccepted
    // A starting coordinator may reject the announcement. Without a retry it would have no record
    // of these blobs.
    if (!isAccepted && !closing.aborted) cancelRetry ??= clock.after(RETRY_MS, announceAgain)
  }
  const announceAgain = (): void => {
    cancelRetry = undefined
    announceAll(closing).catch((error: unknown) =>
      log.warn({ error }, 'the pool was not announced'),
    )
  }
  return {
    announceAll,
    announce: (held) => {
      tracker
        .announce([held])
        .catch((error: unknown) => log.error({ error }, 'a blob was not announced'))
    },
    repeat: () => clock.every(EXPIRES_MS / 2, announceAgain),
    close: () => cancelRetry?.(),
  }
}
