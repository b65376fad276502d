/** Writes every byte to a descriptor: a disk that is nearly full takes a part without an error. */
import { write } from 'node:fs'

/** Where the descriptor stands, and in order. @throws the system's error */
export async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += await new Promise<number>((resolve, reject) =>
      write(descriptor, bytes, at, bytes.length - at, null, (error, written) =>
        error === null ? resolve(written) : reject(error),
      ),
    )
}
