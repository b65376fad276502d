/** Waits for a condition in tests. */
import { systemClock } from '../../shared/clock.ts'

/** Longer than any step takes on a machine that also runs other tests. */
const WITHIN_MS = 20_000
const AGAIN_MS = 5

/** Checks until the condition is true. Rejects after twenty seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + WITHIN_MS
  while (!(await condition())) {
    if (systemClock.monotonic() > end)
      throw new Error(`it did not become so within ${WITHIN_MS} ms: ${condition.toString()}`)
    await systemClock.sleep(AGAIN_MS)
  }
}
