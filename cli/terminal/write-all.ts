/**
 * Writes every byte to a descriptor. Repeats partial writes, which a nearly full disk doesn't
 * report as errors.
 */
import { write } from 'node:fs'

/** Writes at the descriptor's position, in order. @throws the system's error */
export async function writeAll(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += await new Promise<number>((resolve, reject) =>
      write(descriptor, bytes, at, bytes.length - at, null, (error, written) =>
        error === null ? resolve(written) : reject(error),
      ),
    )
}
