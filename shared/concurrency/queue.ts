/**
 * A bounded queue of asynchronous work. At most `concurrency` jobs run and `capacity` jobs wait,
 * and further ones are rejected. Calls with one key share one job and its result. A job is aborted
 * only when its last caller has left.
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
  /** The maximum number of waiting jobs, without the running ones. */
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
   * Runs `work` in its turn. If there is a job with this key, joins it and doesn't call `work`.
   * Rejects with the signal's reason as soon as the caller's signal aborts, but the job continues
   * for its other callers. `onStart` is called when the job runs, or at once if it already runs.
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
  readonly work: (signal: AbortSignal) => Promise<void>
  readonly abort: AbortController
  /** Settles with the work. Rejects if the last caller leaves before the work starts. */
  readonly done: PromiseWithResolvers<unknown>
  /** The number of callers, owned by join(). At 0 the job is aborted. */
  joiners: number
  /** Called when the job runs. */
  readonly onStart: (() => void)[]
}

export function createQueue(options: QueueOptions): Queue {
  return new JobQueue(options)
}

class JobQueue implements Queue {
  readonly #options: QueueOptions
  readonly #waiting: Job[] = []
  readonly #running = new Set<Job>()
  /** The waiting and running jobs with keys. */
  readonly #jobs = new Map<string, Job>()
  readonly #idleWaiters: (() => void)[] = []
  #closed = false

  constructor(options: QueueOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get running(): number {
    return this.#running.size
  }

  async run<T>(work: Work<T>, { key, signal, onStart }: JoinOptions = {}): Promise<T> {
    signal?.throwIfAborted()
    if (this.#closed) throw queueError('queue.closed', { queue: this.#options.name })
    const job = (key === undefined ? undefined : this.#jobs.get(key)) ?? this.#add(work, key)
    if (onStart !== undefined) {
      if (this.#running.has(job)) onStart()
      else job.onStart.push(onStart)
    }
    // Calls with one key have the same work, so the result has the caller's type.
    return (await this.#join(job, signal)) as T
  }

  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running.size === 0 && this.#waiting.length === 0) resolve()
      else this.#idleWaiters.push(resolve)
    })
  }

  close(): Promise<void> {
    this.#closed = true
    const reason = queueError('queue.closed', { queue: this.#options.name })
    for (const job of [...this.#waiting, ...this.#running]) this.#abandon(job, reason)
    return this.idle()
  }

  #add(work: Work<unknown>, key: string | undefined): Job {
    const { name, concurrency, capacity } = this.#options
    if (this.#running.size >= concurrency && this.#waiting.length >= capacity)
      throw queueError('queue.full', { queue: name, capacity })
    const job = createJob(work, key)
    if (key !== undefined) this.#jobs.set(key, job)
    this.#waiting.push(job)
    this.#start()
    return job
  }

  #start(): void {
    while (!this.#closed && this.#running.size < this.#options.concurrency) {
      const job = this.#waiting.shift()
      if (job === undefined) return
      this.#running.add(job)
      for (const onStart of job.onStart.splice(0)) onStart()
      void job.work(job.abort.signal).finally(() => this.#settle(job))
    }
  }

  async #join(job: Job, signal: AbortSignal | undefined): Promise<unknown> {
    job.joiners += 1
    if (signal === undefined) return job.done.promise
    const onAbort = (): void => {
      job.joiners -= 1
      if (job.joiners === 0) this.#abandon(job, signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await abortable(job.done.promise, signal)
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /**
   * Ends a job without callers. A waiting job never starts. A running job is aborted and settles
   * later.
   */
  #abandon(job: Job, reason: unknown): void {
    // A new call with the same key must get a new job, not the aborted one.
    this.#forget(job)
    job.abort.abort(reason)
    const position = this.#waiting.indexOf(job)
    if (position < 0) return
    this.#waiting.splice(position, 1)
    job.done.reject(reason)
    this.#settle(job)
  }

  #settle(job: Job): void {
    this.#running.delete(job)
    this.#forget(job)
    this.#start()
    if (this.#running.size > 0 || this.#waiting.length > 0) return
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  #forget(job: Job): void {
    if (job.key !== undefined && this.#jobs.get(job.key) === job) this.#jobs.delete(job.key)
  }
}

function createJob(work: Work<unknown>, key: string | undefined): Job {
  const done = Promise.withResolvers<unknown>()
  // Every caller gets the failure. If all have left, it must not count as an unhandled rejection.
  done.promise.catch(() => undefined)
  return {
    key,
    // A synchronous throw becomes a rejection in the microtask.
    work: (signal) =>
      Promise.resolve()
        .then(() => work(signal))
        .then(done.resolve, done.reject),
    abort: new AbortController(),
    done,
    joiners: 0,
    onStart: [],
  }
}
