/**
 * Provides randomness. Only this module uses ambient randomness. All other code takes a {@link
 * Random}.
 */
import { randomBytes } from 'node:crypto'

export interface Random {
  /** Returns `length` bytes that are safe for keys and nonces. */
  bytes(length: number): Uint8Array
  /** Returns a number in [0, 1), for jitter. */
  fraction(): number
}

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  fraction: () => randomBytes(4).readUInt32BE(0) / 2 ** 32,
}
