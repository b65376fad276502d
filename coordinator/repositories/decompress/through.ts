/**
 * A node:stream transform in a chain of async iterables; a failure or an early stop at either end
 * ends both.
 */
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** The bytes of `source` after `transform`. Throws what either of them threw. */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Duplex,
): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(source, { objectMode: true }), transform)
  // Its failure also destroys `transform`, where the loop below meets it; here it only must not
  // count as unhandled.
  feeding.catch(() => {})
  yield* transform as AsyncIterable<Uint8Array>
  await feeding
}
