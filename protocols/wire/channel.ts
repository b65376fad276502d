/**
 * Adds frames and deadlines to a duplex, for both sides of a protocol. It reads at most one frame
 * ahead and writes one at a time. If the other side doesn't accept a write within `stallMs`, the
 * duplex is aborted.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Duplex } from './duplex.ts'
import { wireError } from './errors.ts'
import { type Frame, type FrameKind, FrameReader, encodeFrame, writeData } from './frame.ts'

export interface Channel {
  /**
   * Returns the next frame without taking it. Every call returns the same promise until the frame
   * is taken. So the end of the source can be detected while other work runs.
   */
  peek(): Promise<Frame | undefined>
  /** Takes the next frame or piece of data. Undefined at the end of the source. */
  take(): Promise<Frame | undefined>
  /** Like `take`, but aborts the duplex if nothing arrives within `ms`. */
  takeWithin(ms: number, what: string): Promise<Frame | undefined>
  send(kind: FrameKind, payload: Uint8Array): Promise<void>
  /** Sends bulk bytes as data frames. The caller must not change the bytes afterwards. */
  sendData(bytes: Uint8Array): Promise<void>
  /** Half-closes after all queued writes. */
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
    // A failed write aborts the duplex, and then the queued writes fail too. The chain must not
    // reject.
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
