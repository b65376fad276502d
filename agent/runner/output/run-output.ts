/**
 * The output of one run: two pipes whose bytes go to one store. A grandchild may keep a pipe open
 * forever, so the runner decides when the output ends.
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { openReader } from './fifo.ts'
import { PIPE_BYTES, type Pump, startPump } from './output-pump.ts'
import { OutputStore } from './output-store.ts'
import { hasEnded, type RunRecord, STREAMS, type Stream } from '../ground/run-state.ts'

/**
 * The time for which the runner stores output of a grandchild after the main process ended. Later
 * output is discarded.
 */
const DRAIN_MS = 2000
const DRAIN_PAUSE_MS = 20

/** Returns the absolute paths of a run's pipes. /proc shows which processes have them open. */
export function pipePaths(folder: string): Record<Stream, string> {
  return { stdout: join(folder, 'stdout.pipe'), stderr: join(folder, 'stderr.pipe') }
}

export class RunOutput {
  readonly store: OutputStore
  readonly #folder: string
  readonly #onChange: () => void
  readonly #onActivity: () => void
  #pumps: Pump[] = []
  #ended: boolean

  /**
   * @param on.activity called when output arrives or a pipe closes. The program may have exited
   * then, and Node reports the exit later.
   */
  constructor(folder: string, record: RunRecord, on: { change: () => void; activity: () => void }) {
    this.#folder = folder
    this.#onChange = on.change
    this.#onActivity = on.activity
    this.store = new OutputStore(folder, record.limits.outputBytes, record.output)
    this.#ended = hasEnded(record)
  }

  /** Starts to read the pipes, if they exist. */
  open(): void {
    const paths = pipePaths(this.#folder)
    this.#pumps = STREAMS.flatMap((stream) => {
      const path = paths[stream]
      if (!existsSync(path)) return []
      return [
        startPump(
          openReader(path),
          (chunk) => this.#take(stream, chunk),
          () => {
            this.#onActivity()
            rmSync(path, { force: true })
          },
        ),
      ]
    })
  }

  /** Returns true if no more output will be added. */
  ended(): boolean {
    return this.#ended
  }

  /** Returns true if all writers have closed the pipes. The pipes are removed then. */
  closed(): boolean {
    return this.#pumps.every((pump) => pump.ended())
  }

  drain(): void {
    for (const pump of this.#pumps) pump.drain()
  }

  /**
   * Ends the output after the main process: when the pipes are closed, when no process is left, or
   * after DRAIN_MS. Later output is read and discarded, so that no process blocks.
   */
  async finish(deps: { clock: Clock }, isEmpty: () => boolean): Promise<void> {
    const until = deps.clock.monotonic() + DRAIN_MS
    while (!this.closed() && deps.clock.monotonic() < until) {
      const isLast = isEmpty()
      this.drain()
      if (isLast) break
      await deps.clock.sleep(DRAIN_PAUSE_MS)
    }
    this.end()
    await this.store.sync()
  }

  /** Ends the output now. */
  end(): void {
    this.drain()
    this.#ended = true
    this.store.close()
    this.#onChange()
  }

  /** Closes the pipes, even if other processes have them open. */
  close(): void {
    for (const pump of this.#pumps) pump.close()
  }

  #take(stream: Stream, chunk: Buffer): void {
    // The run checks now whether its program has exited. After a full chunk there is probably more
    // output, so this check waits.
    if (chunk.length < PIPE_BYTES) this.#onActivity()
    if (this.#ended) return
    this.store.append(stream, chunk)
    this.#onChange()
  }
}
