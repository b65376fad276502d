/**
 * A duplex with frames and deadlines on it: one frame is read ahead at most, writes follow one
 * another, and a write that the other side doesn't take in `stallMs` breaks the duplex. Both halves
 * of a protocol sit on this.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Duplex } from './duplex.ts'
import { wireError } from './errors.ts'
import { type Frame, type FrameKind, FrameReader, encodeFrame, writeData } from './frame.ts'

export interface Channel {
  /**
   * The next frame without taking it: the same promise until it is taken. Lets an end of the source
   * be noticed while something runs.
   */
  peek(): Promise<Frame | undefined>
  /** The next frame or data piece; undefined at the end of the source. */
  take(): Promise<Frame | undefined>
  /** As `take`, but the duplex is aborted when nothing comes in `ms`. */
  takeWithin(ms: number, what: string): Promise<Frame | undefined>
  send(kind: FrameKind, payload: Uint8Array): Promise<void>
  /** Sends bulk bytes as data frames. The bytes are given away and never changed again. */
  sendData(bytes: Uint8Array): Promise<void>
  /** Half-closes after everything that was sent. */
  close(): Promise<void>
  abort(reason: Error): void
}

export function createChannel(
  deps: { clock: Clock },
  duplex: Duplex,
  options: { maxBytes: number; stallMs: number },
): Channel {
  const reader = new FrameReader(duplex.source, options)
  let ahead: Promise<Frame | undefined> | undefined
  let tail: Promise<void> = Promise.resolve()

  const within = async <T>(ms: number, what: string, work: Promise<T>): Promise<T> => {
    if (ms === Number.POSITIVE_INFINITY) return work
    let late: Error | undefined
    const cancel = deps.clock.after(ms, () => {
      late = wireError('protocol.timeout', { what, ms })
      duplex.abort(late)
    })
    try {
      return await work
    } catch (error) {
      throw late ?? error
    } finally {
      cancel()
    }
  }
  const queue = (write: () => Promise<void>): Promise<void> => {
    const mine = tail.then(() => within(options.stallMs, 'a write', write()))
    // A failed write breaks the duplex; those queued behind it fail by themselves, so the chain
    // itself must not.
    tail = mine.catch(() => undefined)
    return mine
  }
  const peek = (): Promise<Frame | undefined> => {
    ahead ??= reader.next()
    return ahead
  }
  const take = async (): Promise<Frame | undefined> => {
    const frame = await peek()
    ahead = undefined
    return frame
  }
  return {
    peek,
    take,
    takeWithin: (ms, what) => within(ms, what, take()),
    send: (kind, payload) => queue(() => duplex.write(encodeFrame(kind, payload))),
    sendData: (bytes) => queue(() => writeData(duplex, bytes)),
    close: () => queue(() => duplex.close()),
    abort: (reason) => duplex.abort(reason),
  }
}
