/**
 * Encodes the lengths of frames as unsigned varints, as in multiformats/unsigned-varint: seven bits
 * in each byte, least significant first. They have at most four bytes (2^28 - 1), because no frame
 * is longer. Only the shortest form is accepted, so a length has one encoding.
 */
import { wireError } from './errors.ts'

/** The largest length in four bytes. Every frame limit is below it. */
export const MAX_VARINT = 2 ** 28 - 1
const MAX_BYTES = 4

/**
 * Writes `value` at `offset` and returns the offset after it. `value` is an integer from 0 to
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
 * Reads a varint byte by byte, across chunk borders. `push` returns the value after its last byte,
 * and undefined before.
 */
export interface VarintReader {
  push(byte: number): number | undefined
  /** True between two varints. The stream may end here. */
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
