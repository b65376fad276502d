/**
 * A libp2p stream as a {@link Duplex} with backpressure in both directions. The reader holds back
 * the stream when it falls behind, so no more than the stream's window is buffered. The writer
 * waits for the `drain` event itself, in a loop: `onDrain()` of libp2p 3.3 resolves at once after
 * the first drain, and half a gigabyte was seen in a sender that trusted it. What waits costs its
 * bytes: pieces of a few bytes are copied together.
 */
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { MusterError } from '../../shared/errors.ts'
import { KIB } from '../../shared/units.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { wireError } from '../../protocols/wire/errors.ts'

/**
 * What may wait for a reader before the stream is paused; on top of it comes the stream's own
 * window.
 */
const PAUSE_ABOVE_BYTES = 512 * KIB
const RESUME_BELOW_BYTES = 128 * KIB
/**
 * Taken chunks that stay in the queue's array until it is cut: moving the rest for each of them
 * would be quadratic.
 */
const COMPACT_ABOVE = 256

/**
 * Chunks below this are copied together while they wait: an object for each byte would cost a
 * hundred times what the window allows.
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
    source: { [Symbol.asyncIterator]: () => read(stream, reason) },
    write: async (...chunks) => {
      if (stream.writeStatus !== 'writable') throw reason()
      const more = stream.send(chunks.length === 1 ? chunks[0] : new Uint8ArrayList(...chunks))
      if (!more || !clear(stream)) await drained(stream, reason)
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

function clear(stream: Stream): boolean {
  return !stream.writableNeedsDrain && stream.writeBufferLength === 0
}

/**
 * `drain` says that the stream may go on sending, `idle` that its own buffer is empty; enough only
 * when both are so.
 */
function drained(stream: Stream, reason: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      stream.removeEventListener('drain', check)
      stream.removeEventListener('idle', check)
      stream.removeEventListener('close', check)
      settle()
    }
    const check = (): void => {
      if (stream.status !== 'open' && stream.writeStatus === 'closed') done(() => reject(reason()))
      else if (clear(stream)) done(resolve)
    }
    stream.addEventListener('drain', check)
    stream.addEventListener('idle', check)
    stream.addEventListener('close', check)
    check()
  })
}

/**
 * Appends chunks to lists of chunks that wait; a small one goes behind the small one before it, in
 * one piece of memory.
 */
function createGatherer(): (list: Uint8Array[], chunk: Uint8Array) => void {
  let block = new Uint8Array(0)
  let filled = 0
  // The piece of the block that is still growing, and where it begins.
  let tail: Uint8Array | undefined
  let start = 0
  return (list, chunk) => {
    const last = list.at(-1)
    // With nothing before it, it is about to be taken as it is.
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

/**
 * Makes libp2p's own buffer, which takes what comes while the stream is paused, gather small chunks
 * too. It reaches into two libraries of pinned versions: a test sends bytes one by one, and fails
 * where this has no effect any more.
 */
function gatherWhilePaused(stream: Stream): void {
  const { readBuffer } = stream as unknown as {
    readBuffer?: {
      bufs: Uint8Array[]
      length: number
      append(data: Uint8Array | Iterable<Uint8Array>): void
    }
  }
  if (readBuffer === undefined) return
  const gather = createGatherer()
  readBuffer.append = (data) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      gather(readBuffer.bufs, chunk)
      readBuffer.length += chunk.length
    }
  }
}

function read(stream: Stream, reason: () => Error): AsyncIterator<Uint8Array> {
  gatherWhilePaused(stream)
  const gather = createGatherer()
  const queue: Uint8Array[] = []
  let head = 0
  let queued = 0
  let ended = false
  let failed = false
  let waiting: (() => void) | undefined
  const wake = (): void => {
    waiting?.()
    waiting = undefined
  }
  const hold = (): void => {
    if (queued > PAUSE_ABOVE_BYTES && stream.readStatus === 'readable') stream.pause()
  }
  // `resume` hands over everything that came meanwhile before it opens the window again; a pause
  // from within that would be lost.
  let resuming = false
  const resume = (): void => {
    resuming = true
    try {
      stream.resume()
    } finally {
      resuming = false
    }
    hold()
  }
  stream.addEventListener('message', (event) => {
    const { data } = event
    for (const chunk of data instanceof Uint8Array ? [data] : data) gather(queue, chunk)
    queued += data.byteLength
    if (!resuming) hold()
    wake()
  })
  stream.addEventListener('end', () => {
    ended = true
    wake()
  })
  stream.addEventListener('close', (event) => {
    if (event.error === undefined) ended = true
    else failed = true
    wake()
  })
  if (stream.status === 'aborted' || stream.status === 'reset') failed = true
  else if (
    stream.readStatus === 'closed' ||
    (stream.remoteWriteStatus === 'closed' && stream.readBufferLength === 0)
  )
    ended = true
  return {
    next: async () => {
      for (;;) {
        const chunk = queue[head]
        if (chunk !== undefined) {
          head += 1
          queued -= chunk.byteLength
          if (head === queue.length || head > COMPACT_ABOVE) {
            queue.splice(0, head)
            head = 0
          }
          if (queued < RESUME_BELOW_BYTES && stream.readStatus === 'paused') resume()
          return { done: false, value: chunk }
        }
        if (failed) throw reason()
        if (ended) return { done: true, value: undefined }
        await new Promise<void>((resolve) => {
          waiting = resolve
        })
      }
    },
  }
}
