/**
 * Reads the upload after a request: data frames up to an end frame. After an early response,
 * `drain` drops the rest, so that the next request can be read.
 */
import { MIB } from '../../shared/units.ts'
import type { Channel } from '../wire/channel.ts'
import { wireError } from '../wire/errors.ts'

/**
 * The most bytes that a caller can have sent before it receives the rejection: several transport
 * windows.
 */
const MAX_DRAIN_BYTES = 32 * MIB

export interface Upload {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Called for methods with an upload. Without it the upload is empty. */
  expect(): void
  onEnd(run: () => void): void
  /** Reads and drops the rest of an upload. */
  drain(): Promise<void>
}

export function createUpload(channel: Channel, stallMs: number): Upload {
  let ended = true
  let whenEnded: (() => void) | undefined
  const next = async (): Promise<Uint8Array | undefined> => {
    if (ended) return undefined
    const frame = await channel.takeWithin(stallMs, 'the next piece of the upload')
    if (frame?.kind === 'data') return frame.payload
    if (frame === undefined) throw wireError('protocol.closed', { what: 'the upload' })
    if (frame.kind !== 'end')
      throw wireError('protocol.malformed', {
        what: 'upload',
        reason: `${frame.kind} frame inside it`,
      })
    ended = true
    whenEnded?.()
    return undefined
  }
  return {
    bytes: {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = await next()
          return value === undefined ? { done: true, value: undefined } : { done: false, value }
        },
      }),
    },
    expect: () => {
      ended = false
    },
    onEnd: (run) => {
      whenEnded = run
    },
    drain: async () => {
      let dropped = 0
      for (let piece = await next(); piece !== undefined; piece = await next()) {
        dropped += piece.length
        if (dropped > MAX_DRAIN_BYTES)
          throw wireError('protocol.too-large', {
            what: 'refused upload',
            bytes: dropped,
            limit: MAX_DRAIN_BYTES,
          })
      }
    },
  }
}
