/** Reads the input of an ingest into buffers. Each buffer is filled unless the content ends. */
import { createInterrupt } from '../interrupt.ts'
import type { FileHandle } from './disk.ts'

export interface Source {
  /**
   * Fills `into` from the content. Returns less than its length only at the end of the content.
   * Only one call may run at a time.
   */
  fill(into: Uint8Array): Promise<number>
  /**
   * Stops the source. The current `fill` rejects, and no `fill` writes to its buffer afterwards.
   */
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
      // A file read ends soon. Until then, the kernel may write to the buffer.
      await reading.catch(() => undefined)
    },
  }
}

export function sourceOfIterable(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Source {
  const iterator = chunks[Symbol.asyncIterator]()
  const stopping = createInterrupt()
  const onAbort = (): void => stopping.end(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  let rest: Uint8Array = new Uint8Array(0)
  let ended = false
  return {
    async fill(into) {
      let filled = 0
      while (filled < into.length) {
        stopping.throwIfEnded()
        if (rest.length === 0) {
          if (ended) break
          // A source that stalls and ignores the signal must not block the ingest.
          const next = await stopping.wait(iterator.next())
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
      signal?.removeEventListener('abort', onAbort)
      stopping.end(reason)
      if (!ended) iterator.return?.().catch(() => undefined)
    },
  }
}

/** Marks a promise as handled, because it may reject before it is awaited. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
