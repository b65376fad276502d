/**
 * Passes an async iterable through a node:stream transform. If the source or the reader stops, the
 * other one stops too.
 */
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Yields the bytes of `source` after `transform`. @throws errors of both */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Duplex,
): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(source, { objectMode: true }), transform)
  // An error also destroys `transform`. The loop below throws that error, so it is ignored here.
  feeding.catch(() => {})
  const output: AsyncIterable<Uint8Array> = transform
  yield* output
  await feeding
}
