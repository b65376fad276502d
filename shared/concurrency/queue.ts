/**
 * A bounded queue of asynchronous work: at most `concurrency` jobs run, at most `capacity` wait,
 * further ones are rejected. Calls with one key share one job and its result. A job is aborted when
 * its last caller has left, and never before.
 */
import { defineErrors } from '../errors.ts'
import { abortable } from '../interrupt.ts'

export const queueError = defineErrors({
  'queue.full': {
    exit: 'failed',
    retryable: true,
    message: (d: { queue: string; capacity: number }) =>
      `${d.queue} is full: ${d.capacity} jobs are waiting`,
    hint: () => 'retry once some of them are done',
  },
  'queue.closed': {
    exit: 'interrupted',
    message: (d: { queue: string }) => `${d.queue} is shutting down`,
  },
})

export interface QueueOptions {
  /** The queue's name in errors: `the download queue`. */
  readonly name: string
  readonly concurrency: number
  /** How many jobs may wait, not counting the running ones. */
  readonly capacity: number
}

export type Work<T> = (signal: AbortSignal) => Promise<T>

export interface JoinOptions {
  readonly key?: string
  readonly signal?: AbortSignal
  readonly onStart?: () => void
}

export interface Queue {
  /**
   * Runs `work` in its turn, or joins the job with this key (`work` isn't called then). Rejects
   * with the signal's reason as soon as the caller's signal aborts; the job continues for its other
   * callers. `onStart` is called once the job runs, at once if it already does.
   * @throws queue.full, queue.closed, or the error of the work
   */
  run<T>(work: Work<T>, options?: JoinOptions): Promise<T>
  /** The number of waiting and of running jobs. */
  readonly waiting: number
  readonly running: number
  /** Resolves when no job waits or runs. */
  idle(): Promise<void>
  /** Rejects new work, aborts all jobs, and resolves when they have ended. */
  close(): Promise<void>
}

interface Job {
  readonly key: string | undefined
  readonly work: Work<unknown>
  readonly abort: AbortController
  readonly done: PromiseWithResolvers<unknown>
  /** Owned by join(): the number of callers. At 0 the job is aborted. */
  joiners: number
  /** Owned by start() and run(): called once the job runs. */
  readonly onStart: (() => void)[]
}

export function createQueue(options: QueueOptions): Queue {
  // Owned by start(), run() and settle(). `jobs` has the keys of all waiting and running jobs.
  const waiting: Job[] = []
  const running = new Set<Job>()
  const jobs = new Map<string, Job>()
  let idleWaiters: (() => void)[] = []
  let closed = false

  const forget = (job: Job): void => {
    if (job.key !== undefined && jobs.get(job.key) === job) jobs.delete(job.key)
  }

  const settle = (job: Job): void => {
    running.delete(job)
    forget(job)
    start()
    if (running.size > 0 || waiting.length > 0) return
    for (const resolve of idleWaiters) resolve()
    idleWaiters = []
  }

  const start = (): void => {
    while (!closed && running.size < options.concurrency) {
      const job = waiting.shift()
      if (job === undefined) return
      running.add(job)
      for (const tell of job.onStart.splice(0)) tell()
      // A synchronous throw becomes a rejection in the microtask.
      void Promise.resolve()
        .then(() => job.work(job.abort.signal))
        .then(job.done.resolve, job.done.reject)
        .finally(() => settle(job))
    }
  }

  /**
   * Ends a job without callers. A waiting job never starts; a running one is aborted and settles
   * later.
   */
  const abandon = (job: Job, reason: unknown): void => {
    // A new call with the same key must get a new job, not the aborted one.
    forget(job)
    job.abort.abort(reason)
    const position = waiting.indexOf(job)
    if (position < 0) return
    waiting.splice(position, 1)
    job.done.reject(reason)
    settle(job)
  }

  const join = async (job: Job, signal: AbortSignal | undefined): Promise<unknown> => {
    job.joiners += 1
    if (signal === undefined) return job.done.promise
    const onAbort = (): void => {
      job.joiners -= 1
      if (job.joiners === 0) abandon(job, signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await abortable(job.done.promise, signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  const add = (work: Work<unknown>, key: string | undefined): Job => {
    if (running.size >= options.concurrency && waiting.length >= options.capacity) {
      throw queueError('queue.full', { queue: options.name, capacity: options.capacity })
    }
    const job: Job = {
      key,
      work,
      abort: new AbortController(),
      done: Promise.withResolvers(),
      joiners: 0,
      onStart: [],
    }
    // Every caller gets the failure. If all have left, it must not count as an unhandled rejection.
    job.done.promise.catch(() => undefined)
    if (key !== undefined) jobs.set(key, job)
    waiting.push(job)
    start()
    return job
  }

  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      if (running.size === 0 && waiting.length === 0) resolve()
      else idleWaiters.push(resolve)
    })

  return {
    idle,
    run: async <T>(work: Work<T>, { key, signal, onStart }: JoinOptions = {}): Promise<T> => {
      signal?.throwIfAborted()
      if (closed) throw queueError('queue.closed', { queue: options.name })
      const job = (key === undefined ? undefined : jobs.get(key)) ?? add(work, key)
      if (onStart !== undefined) {
        if (running.has(job)) onStart()
        else job.onStart.push(onStart)
      }
      return (await join(job, signal)) as T
    },
    get waiting() {
      return waiting.length
    },
    get running() {
      return running.size
    },
    close: () => {
      closed = true
      const reason = queueError('queue.closed', { queue: options.name })
      for (const job of [...waiting, ...running]) abandon(job, reason)
      return idle()
    },
  }
}
