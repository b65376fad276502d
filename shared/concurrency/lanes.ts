/**
 * Runs asynchronous work serially: in one lane, one job at a time in the order of the calls. Lanes
 * with different keys run side by side.
 */
import { queueError } from './queue.ts'
import { createSemaphore, type Semaphore } from './semaphore.ts'

/**
 * The number of callers is limited, because each peer has a limited number of streams. So more
 * waiters mean that a job hangs. Rejecting them limits the memory.
 */
const MAX_WAITING = 1000

export interface LaneOptions {
  /** The name in errors: `the journal of facts`. */
  readonly name: string
  /** The maximum number of waiting jobs of one lane, without the running one. */
  readonly waiting?: number
}

export interface Lane {
  /**
   * Runs `job` after the jobs of earlier calls. The signal ends only the wait. A running job must
   * check the signal itself.
   * @throws queue.full, the signal's reason, or the error of the job
   */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

export interface Lanes<K> {
  /** Like {@link Lane.run}, in the lane of this key. */
  run<T>(key: K, job: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** The number of keys with a waiting or running job. */
  readonly size: number
  /** Resolves once all jobs that were added before this call have ended. */
  idle(): Promise<void>
}

export function createLane(options: LaneOptions): Lane {
  const jobs = createJobs()
  return { run: (job, signal) => runBounded(jobs, options, job, signal) }
}

export function createLanes<K>(options: LaneOptions): Lanes<K> {
  // Owned by withLane(): the lanes with waiting or running jobs.
  const lanes = new Map<K, Jobs>()

  const withLane = async <T>(key: K, use: (lane: Jobs) => Promise<T>): Promise<T> => {
    const lane = lanes.get(key) ?? createJobs()
    lanes.set(key, lane)
    try {
      return await use(lane)
    } finally {
      // Removes a lane without jobs; the next call creates a new one. A call that fails before
      // its job may have replaced this lane already.
      if (lane.count === 0 && lanes.get(key) === lane) lanes.delete(key)
    }
  }
  return {
    run: (key, job, signal) => withLane(key, (lane) => runBounded(lane, options, job, signal)),
    get size() {
      return lanes.size
    },
    idle: async () => {
      const last = [...lanes.keys()].map((key) =>
        withLane(key, (lane) => runNext(lane, async () => undefined)),
      )
      await Promise.all(last)
    },
  }
}

/** The jobs of one lane: their number, and the permit of the running one. */
interface Jobs {
  count: number
  readonly permit: Semaphore
}

const createJobs = (): Jobs => ({ count: 0, permit: createSemaphore(1) })

async function runBounded<T>(
  jobs: Jobs,
  { name, waiting = MAX_WAITING }: LaneOptions,
  job: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted()
  if (jobs.count > waiting) throw queueError('queue.full', { queue: name, capacity: waiting })
  return runNext(jobs, job, signal)
}

async function runNext<T>(jobs: Jobs, job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  jobs.count += 1
  try {
    const release = await jobs.permit.acquire(signal)
    try {
      return await job()
    } finally {
      release()
    }
  } finally {
    jobs.count -= 1
  }
}
