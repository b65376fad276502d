/** Ends everything that belongs to a run: ask, wait, kill. Returns when nothing of it lives. */
import type { Clock } from '../../../shared/clock.ts'
import { type Containment, sendSignal } from '../containment/containment.ts'

export interface StopTarget {
  readonly containment: Containment
  /** False once the main process ended. */
  mainLives(): boolean
  /** To the main process and its process group. */
  signalMain(signal: string): void
}

export interface StopOptions {
  readonly signal: string
  /**
   * Monotonic ms at which asking ends and killing begins. Read at each step: a more urgent stop may
   * bring it nearer.
   */
  readonly deadline: () => number
}

/**
 * How long SIGKILL may take. Only uninterruptible sleep takes longer: a disk or a network file
 * system that doesn't answer.
 */
const KILL_MS = 10_000
/**
 * Looks begin this close together and move apart, because most processes end at once and some take
 * minutes.
 */
const FIRST_LOOK_MS = 2
const LAST_LOOK_MS = 50

/**
 * Resolves to the number of processes that still live: 0, or more if even SIGKILL didn't end them
 * in ten seconds.
 */
export async function stopTree(
  deps: { clock: Clock },
  target: StopTarget,
  options: StopOptions,
): Promise<number> {
  const { clock } = deps
  const gone = (): boolean => !target.mainLives() && target.containment.isEmpty()
  let pause = FIRST_LOOK_MS
  const look = async (until: number): Promise<void> => {
    await clock.sleep(Math.max(1, Math.min(pause, until - clock.monotonic())))
    pause = Math.min(pause * 1.5, LAST_LOOK_MS)
  }
  // Looked at before the first signal: whose parent ends by it may not be recognised afterwards.
  target.containment.members()
  target.signalMain(options.signal)
  let askedRest = false
  while (!gone() && clock.monotonic() < options.deadline()) {
    if (!askedRest && !target.mainLives()) {
      // Those who left the process group get their own chance to end well.
      askedRest = true
      for (const pid of target.containment.members()) sendSignal(pid, options.signal)
    }
    await look(options.deadline())
  }
  const killUntil = clock.monotonic() + KILL_MS
  pause = FIRST_LOOK_MS
  while (!gone()) {
    if (clock.monotonic() > killUntil) return Math.max(1, target.containment.members().length)
    target.signalMain('SIGKILL')
    target.containment.kill()
    await look(killUntil)
  }
  return 0
}
