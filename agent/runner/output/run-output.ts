/**
 * The output of one run while it is being written and after: two pipes pumped into one store. It
 * ends by decision, not by the end of a file: a grandchild may hold the pipe open for ever.
 */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { openReader } from './fifo.ts'
import { PIPE_BYTES, type Pump, startPump } from './output-pump.ts'
import { OutputStore } from './output-store.ts'
import { hasEnded, type RunRecord, STREAMS, type Stream } from '../ground/run-state.ts'

/** How long after the main process's end a grandchild's output still belongs to the run. */
const DRAIN_MS = 2000
const DRAIN_LOOK_MS = 20

/** Where a run's pipe stands. Absolute paths: they also tell who holds them open. */
export function pipePaths(folder: string): string[] {
  return STREAMS.map((stream) => join(folder, `${stream}.pipe`))
}

export class RunOutput {
  readonly store: OutputStore
  readonly #folder: string
  readonly #onChange: () => void
  readonly #onSign: () => void
  #pumps: Pump[] = []
  #ended: boolean

  /**
   * @param on.sign - Called when output arrives or a pipe closes, before Node tells of the end of a
   * child.
   */
  constructor(folder: string, record: RunRecord, on: { change: () => void; sign: () => void }) {
    this.#folder = folder
    this.#onChange = on.change
    this.#onSign = on.sign
    this.store = new OutputStore(folder, record.limits.outputBytes, record.output)
    this.#ended = hasEnded(record)
  }

  /** Begins to take what comes through the pipes, where they exist. */
  open(): void {
    this.#pumps = STREAMS.flatMap((stream, index) => {
      const path = pipePaths(this.#folder)[index] as string
      if (!existsSync(path)) return []
      return [
        startPump(
          openReader(path),
          (chunk) => this.#take(stream, chunk),
          () => {
            this.#onSign()
            rmSync(path, { force: true })
          },
        ),
      ]
    })
  }

  /** No more will be added. */
  ended(): boolean {
    return this.#ended
  }

  /** Nobody holds the pipes any more, and they are removed. */
  closed(): boolean {
    return this.#pumps.every((pump) => pump.ended())
  }

  drain(): void {
    for (const pump of this.#pumps) pump.drain()
  }

  /**
   * Ends the output after the main process ended: at once if nobody holds the pipes or nobody is
   * left to write, else after a while. What comes later is still taken out of the pipes, so that
   * nobody is stuck, but not kept.
   */
  async finish(deps: { clock: Clock }, isEmpty: () => boolean): Promise<void> {
    const until = deps.clock.monotonic() + DRAIN_MS
    while (!this.closed() && deps.clock.monotonic() < until) {
      const nobody = isEmpty()
      this.drain()
      if (nobody) break
      await deps.clock.sleep(DRAIN_LOOK_MS)
    }
    this.end()
    await this.store.sync()
  }

  /** Ends it now. */
  end(): void {
    this.drain()
    this.#ended = true
    this.store.close()
    this.#onChange()
  }

  /** Lets go of the pipes, whoever holds their other end. */
  close(): void {
    for (const pump of this.#pumps) pump.close()
  }

  #take(stream: Stream, chunk: Buffer): void {
    // A full chunk is not the last one.
    if (chunk.length < PIPE_BYTES) this.#onSign()
    if (this.#ended) return
    this.store.append(stream, chunk)
    this.#onChange()
  }
}
