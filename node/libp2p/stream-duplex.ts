/**
 * A libp2p stream as a {@link Duplex} with backpressure in both directions. The reader pauses the
 * stream when it is too slow, so at most the stream's window is buffered. The writer waits for the
 * `drain` event itself, because `onDrain()` of libp2p 3.3 resolves too early after the first drain.
 */
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { MusterError } from '../../shared/errors.ts'
import { KIB } from '../../shared/units.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { wireError } from '../../protocols/wire/errors.ts'

/**
 * The number of bytes that wait for the reader before the stream is paused. The stream's window is
 * added to this.
 */
const PAUSE_ABOVE_BYTES = 512 * KIB
const RESUME_BELOW_BYTES = 128 * KIB
/**
 * Up to this number, chunks that were taken stay in the queue's array. The removal of each single
 * chunk would take quadratic time.
 */
const COMPACT_ABOVE = 256

/**
 * Smaller chunks are copied into one block while they wait. One object for each byte would need a
 * hundred times the memory of the window.
 */
const SMALL_BYTES = 512
const BLOCK_BYTES = 4 * KIB

export function streamDuplex(stream: Stream): Duplex {
  let broken: unknown
  stream.addEventListener('close', (event) => {
    broken ??= event.error
  })
  const reason = (): Error => {
    if (broken instanceof MusterError) return broken
    return wireError('protocol.closed', { what: 'the stream' }, { cause: broken })
  }
  return {
    source: { [Symbol.asyncIterator]: () => new StreamReader(stream, reason) },
    write: async (...chunks) => {
      if (stream.writeStatus !== 'writable') throw reason()
      const more = stream.send(chunks.length === 1 ? chunks[0] : new Uint8ArrayList(...chunks))
      if (!more || !isDrained(stream)) await untilDrained(stream, reason)
    },
    close: async () => {
      if (stream.writeStatus !== 'writable') return
      await stream.close().catch((error: unknown) => {
        broken ??= error
        throw reason()
      })
    },
    abort: (why) => {
      broken ??= why
      stream.abort(why)
    },
  }
}

function isDrained(stream: Stream): boolean {
  return !stream.writableNeedsDrain && stream.writeBufferLength === 0
}

/** Waits until the stream may send (`drain`) and its buffer is empty (`idle`). */
function untilDrained(stream: Stream, reason: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      stream.removeEventListener('drain', check)
      stream.removeEventListener('idle', check)
      stream.removeEventListener('close', check)
      settle()
    }
    const check = (): void => {
      if (stream.status !== 'open' && stream.writeStatus === 'closed') done(() => reject(reason()))
      else if (isDrained(stream)) done(resolve)
    }
    stream.addEventListener('drain', check)
    stream.addEventListener('idle', check)
    stream.addEventListener('close', check)
    check()
  })
}

/**
 * Appends chunks to a list. A small chunk is appended to the small chunk before it, in one buffer.
 */
function createGatherer(): (list: Uint8Array[], chunk: Uint8Array) => void {
  let block = new Uint8Array(0)
  let filled = 0
  // `tail` is the last chunk in the block and can still grow. `start` is the offset of its first
  // byte.
  let tail: Uint8Array | undefined
  let start = 0
  return (list, chunk) => {
    const last = list.at(-1)
    // The first chunk of a list is taken next, so a copy of it is useless.
    if (last === undefined || chunk.length >= SMALL_BYTES) return void list.push(chunk)
    if (block.length - filled < chunk.length) {
      block = new Uint8Array(BLOCK_BYTES)
      filled = 0
      tail = undefined
    }
    const grows = last === tail
    if (!grows) start = filled
    block.set(chunk, filled)
    filled += chunk.length
    tail = block.subarray(start, filled)
    if (grows) list[list.length - 1] = tail
    else list.push(tail)
  }
}

/** The internal buffer of a libp2p stream. */
interface ReadBuffer {
  bufs: Uint8Array[]
  length: number
  append(data: Uint8Array | Iterable<Uint8Array>): void
}

/**
 * Makes libp2p's buffer of a paused stream join small chunks too. It uses internals of two
 * libraries, whose versions are pinned. A test detects when this has no effect any more.
 */
function gatherWhilePaused(stream: Stream): void {
  const { readBuffer } = stream as Stream & { readonly readBuffer?: ReadBuffer }
  if (readBuffer === undefined) return
  const gather = createGatherer()
  readBuffer.append = (data) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      gather(readBuffer.bufs, chunk)
      readBuffer.length += chunk.length
    }
  }
}

/** The chunks that wait for the reader, in order. */
class ChunkQueue {
  readonly #chunks: Uint8Array[] = []
  readonly #gather = createGatherer()
  #head = 0
  bytes = 0

  add(data: Uint8Array | Iterable<Uint8Array>, bytes: number): void {
    for (const chunk of data instanceof Uint8Array ? [data] : data)
      this.#gather(this.#chunks, chunk)
    this.bytes += bytes
  }

  take(): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head]
    if (chunk === undefined) return undefined
    this.#head += 1
    this.bytes -= chunk.byteLength
    if (this.#head === this.#chunks.length || this.#head > COMPACT_ABOVE) {
      this.#chunks.splice(0, this.#head)
      this.#head = 0
    }
    return chunk
  }
}

/** Reads a stream, and pauses it while too many bytes wait. */
class StreamReader implements AsyncIterator<Uint8Array> {
  readonly #stream: Stream
  readonly #reason: () => Error
  readonly #queue = new ChunkQueue()
  #state: 'open' | 'ended' | 'failed'
  #resuming = false
  #waiting: (() => void) | undefined

  constructor(stream: Stream, reason: () => Error) {
    this.#stream = stream
    this.#reason = reason
    this.#state = stateOf(stream)
    gatherWhilePaused(stream)
    stream.addEventListener('message', ({ data }) => {
      this.#queue.add(data, data.byteLength)
      if (!this.#resuming) this.#pauseIfFull()
      this.#wake()
    })
    stream.addEventListener('end', () => this.#end('ended'))
    stream.addEventListener('close', ({ error }) =>
      this.#end(error === undefined ? 'ended' : 'failed'),
    )
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = this.#queue.take()
      if (chunk !== undefined) {
        if (this.#queue.bytes < RESUME_BELOW_BYTES && this.#stream.readStatus === 'paused')
          this.#resume()
        return { done: false, value: chunk }
      }
      if (this.#state === 'failed') throw this.#reason()
      if (this.#state === 'ended') return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  #end(state: 'ended' | 'failed'): void {
    if (this.#state !== 'failed') this.#state = state
    this.#wake()
  }

  #wake(): void {
    this.#waiting?.()
    this.#waiting = undefined
  }

  #pauseIfFull(): void {
    if (this.#queue.bytes > PAUSE_ABOVE_BYTES && this.#stream.readStatus === 'readable')
      this.#stream.pause()
  }

  #resume(): void {
    // `resume` delivers all buffered data before it opens the window. A pause during that time
    // would be lost.
    this.#resuming = true
    try {
      this.#stream.resume()
    } finally {
      this.#resuming = false
    }
    this.#pauseIfFull()
  }
}

function stateOf(stream: Stream): 'open' | 'ended' | 'failed' {
  if (stream.status === 'aborted' || stream.status === 'reset') return 'failed'
  const isOver =
    stream.readStatus === 'closed' ||
    (stream.remoteWriteStatus === 'closed' && stream.readBufferLength === 0)
  return isOver ? 'ended' : 'open'
}
