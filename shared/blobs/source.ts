/** Where an ingest gets its bytes from: something that fills a buffer, whole unless the content ends. */
import type { FileHandle } from './disk.ts'

export interface Source {
  /** Fills `into` from the content; returns less than its length only at the content's end. One call at a time. */
  fill(into: Uint8Array): Promise<number>
  /** Stops: a `fill` under way rejects, and none writes to its buffer afterwards. */
  stop(reason: unknown): Promise<void>
}

export function sourceOfFile(file: FileHandle): Source {
  let position = 0
  let reading: Promise<unknown> = Promise.resolve()
  return {
    async fill(into) {
      let filled = 0
      while (filled < into.length) {
        const read = file.read(into, filled, into.length - filled, position)
        reading = read
        const { bytesRead } = await read
        if (bytesRead === 0) break
        filled += bytesRead
        position += bytesRead
      }
      return filled
    },
    async stop() {
      // A read of a file always ends soon; until then the kernel may write to the buffer.
      await reading.catch(() => undefined)
    },
  }
}

export function sourceOfIterable(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Source {
  const iterator = chunks[Symbol.asyncIterator]()
  const stopping = new AbortController()
  const signals =
    signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal])
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => undefined)
  signals.addEventListener('abort', () => stopped.reject(signals.reason), { once: true })
  if (signals.aborted) stopped.reject(signals.reason)
  let rest: Uint8Array = new Uint8Array(0)
  let ended = false
  return {
    async fill(into) {
      let filled = 0
      while (filled < into.length) {
        signals.throwIfAborted()
        if (rest.length === 0) {
          if (ended) break
          // A source that stalls and ignores the signal must not hold up whoever gives up on it.
          const next = await Promise.race([iterator.next(), stopped.promise])
          if (next.done === true) ended = true
          else rest = next.value
          continue
        }
        const count = Math.min(rest.length, into.length - filled)
        into.set(rest.subarray(0, count), filled)
        rest = rest.subarray(count)
        filled += count
      }
      return filled
    },
    async stop(reason) {
      stopping.abort(reason)
      if (!ended) iterator.return?.().catch(() => undefined)
    },
  }
}

/** The promise, marked as looked after: it is awaited, but later than it may reject. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
