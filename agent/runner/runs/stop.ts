/** Ends all processes of a run: sends the signal, waits, and kills the rest. */
import type { Clock } from '../../../shared/clock.ts'
import { type Containment, sendSignal } from '../containment/containment.ts'

export interface StopTarget {
  readonly containment: Containment
  /** Returns false after the end of the main process. */
  mainLives(): boolean
  /** Sends a signal to the main process and its process group. */
  signalMain(signal: string): void
}

export interface StopOptions {
  readonly signal: string
  /**
   * Returns the monotonic time of the first SIGKILL. It is called at each step, because another
   * stop may shorten the time.
   */
  readonly deadline: () => number
}

/** Processes survive SIGKILL for longer only if they wait for a disk or a network file system. */
const KILL_MS = 10_000
/** Pauses between checks grow, because most processes end at once and some take minutes. */
const FIRST_PAUSE_MS = 2
const MAX_PAUSE_MS = 50

/** Resolves to the number of processes that SIGKILL didn't end in ten seconds. It is usually 0. */
export async function stopTree(
  deps: { clock: Clock },
  target: StopTarget,
  options: StopOptions,
): Promise<number> {
  const { clock } = deps
  const gone = (): boolean => !target.mainLives() && target.containment.isEmpty()
  let pause = FIRST_PAUSE_MS
  const rest = async (until: number): Promise<void> => {
    await clock.sleep(Math.max(1, Math.min(pause, until - clock.monotonic())))
    pause = Math.min(pause * 1.5, MAX_PAUSE_MS)
  }
  // The members are read before the first signal. After their parent ended, some may not be
  // recognised.
  target.containment.members()
  target.signalMain(options.signal)
  let askedRest = false
  while (!gone() && clock.monotonic() < options.deadline()) {
    if (!askedRest && !target.mainLives()) {
      // Processes outside of the process group also get the signal.
      askedRest = true
      for (const pid of target.containment.members()) sendSignal(pid, options.signal)
    }
    await rest(options.deadline())
  }
  const killUntil = clock.monotonic() + KILL_MS
  pause = FIRST_PAUSE_MS
  while (!gone()) {
    if (clock.monotonic() > killUntil) return Math.max(1, target.containment.members().length)
    target.signalMain('SIGKILL')
    target.containment.kill()
    await rest(killUntil)
  }
  return 0
}
