/**
 * Unsigned varints as lengths of frames: seven bits a byte, least significant first, as
 * multiformats/unsigned-varint has them, cut to four bytes (2^28 - 1) because no frame may be
 * longer. Only the shortest form is accepted, so one length has one encoding.
 */
import { wireError } from './errors.ts'

/** The longest length that four bytes carry; every frame limit lies below it. */
export const MAX_VARINT = 2 ** 28 - 1
const MAX_BYTES = 4

/**
 * Writes `value` at `offset` and returns the offset behind it. `value` is an integer from 0 to
 * {@link MAX_VARINT}.
 */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > MAX_VARINT) {
    throw wireError('protocol.too-large', { what: 'frame', bytes: value, limit: MAX_VARINT })
  }
  let rest = value
  let at = offset
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[at++] = rest
  return at
}

/**
 * Reads a varint a byte at a time, across chunk borders. `push` returns the value once its last
 * byte came, until then undefined.
 */
export interface VarintReader {
  push(byte: number): number | undefined
  /** True between two varints: an end of the stream here cuts nothing in two. */
  readonly empty: boolean
}

export function createVarintReader(): VarintReader {
  let value = 0
  let count = 0
  return {
    get empty() {
      return count === 0
    },
    push: (byte) => {
      value |= (byte & 0x7f) << (7 * count)
      count += 1
      if ((byte & 0x80) !== 0) {
        if (count === MAX_BYTES)
          throw wireError('protocol.malformed', {
            what: 'frame length',
            reason: `it is longer than ${MAX_BYTES} bytes`,
          })
        return undefined
      }
      if (byte === 0 && count > 1)
        throw wireError('protocol.malformed', {
          what: 'frame length',
          reason: 'it is not in its shortest form',
        })
      const result = value
      value = 0
      count = 0
      return result
    },
  }
}
