/**
 * Randomness. Only this module draws ambient randomness; everything else takes a {@link Random}.
 */
import { randomBytes } from 'node:crypto'

export interface Random {
  /** `length` bytes fit for keys and nonces. */
  bytes(length: number): Uint8Array
  /** A number in [0, 1), for jitter. */
  fraction(): number
}

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
}
