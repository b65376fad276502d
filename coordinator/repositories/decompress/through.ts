/** A node:stream transform in a chain of async iterables. If one end stops, both end. */
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** The bytes of `source` after `transform`. @throws errors of both */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Duplex,
): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(source, { objectMode: true }), transform)
  // A failure also destroys `transform`, so the loop below throws it. It is handled there.
  feeding.catch(() => {})
  const output: AsyncIterable<Uint8Array> = transform
  yield* output
  await feeding
}
