/**
 * Reads and writes the data types of the SSH protocol (RFC 4251 section 5) in keys and signatures.
 * A read past the end allocates no memory and throws {@link SshWireEnd}, which each caller converts
 * to an error of its area.
 */

/** Thrown if a length or a value exceeds the remaining bytes. */
export class SshWireEnd extends Error {
  override readonly name = 'SshWireEnd'
}

export interface SshReader {
  uint32(): number
  byte(): number
  /** Returns a view of `length` bytes. */
  raw(length: number): Uint8Array
  /** Reads a string (uint32 length and its bytes) and returns a view of its bytes. */
  string(): Uint8Array
  /** Reads a string that must be printable ASCII, such as an algorithm name. */
  name(): string
  /** The number of remaining bytes. */
  left(): number
}

export function readSsh(bytes: Uint8Array): SshReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (length: number): Uint8Array => {
    if (length > buffer.length - at)
      throw new SshWireEnd(`${length} bytes wanted, ${buffer.length - at} left`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint32 = (): number => {
    take(4)
    return buffer.readUInt32BE(at - 4)
  }
  const string = (): Uint8Array => take(uint32())
  return {
    uint32,
    byte: () => take(1)[0] ?? 0,
    raw: take,
    string,
    name: () => {
      const text = Buffer.from(string()).toString('latin1')
      if (!/^[\x21-\x7e]{0,64}$/.test(text))
        throw new SshWireEnd('a name that is not short printable ASCII')
      return text
    },
    left: () => buffer.length - at,
  }
}

export function sshUint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Encodes a string: its length as uint32 and its bytes. Text is encoded as UTF-8. */
export function sshString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([sshUint32(bytes.length), bytes])
}
