/**
 * xz, all streams and blocks, by xz-decompress (WebAssembly of xz-embedded). The dictionary size
 * that the first block asks for is bounded before the decoder sees it; later blocks are bounded by
 * the caller's count of bytes, because memory is touched only as it fills.
 */
import { ReadableStream } from 'node:stream/web'
// CommonJS without names that Node can see.
import xzDecompress from 'xz-decompress'
import { Undecodable } from './undecodable.ts'

/** `xz -9` uses 64 MiB; twice that is accepted, as for zstandard. */
const MAX_DICTIONARY = 2 ** 27
/** Stream header (12) and the longest block header (1,024). */
const HEADER_BYTES = 12 + 1024
const LZMA2 = 0x21
/** Check types that the decoder knows: none, CRC32, CRC64. */
const KNOWN_CHECKS = new Set([0, 1, 4])

export async function* unxz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let size = 0
  while (size < HEADER_BYTES) {
    const { value, done } = await iterator.next()
    if (done === true) break
    held.push(value)
    size += value.length
  }
  inspect(Buffer.concat(held).subarray(0, HEADER_BYTES))
  // The decoder reports a failing source as a failing decoder; the source's own error is what the
  // caller must see.
  let failure: { error: unknown } | undefined
  const input = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const first = held.shift()
        if (first !== undefined) return controller.enqueue(first)
        const { value, done } = await iterator.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        failure = { error }
        controller.error(error)
      }
    },
    async cancel() {
      await iterator.return?.()
    },
  })
  try {
    yield* new xzDecompress.XzReadableStream(input) as unknown as AsyncIterable<Uint8Array>
  } catch (error) {
    throw failure === undefined ? error : failure.error
  } finally {
    await iterator.return?.()
  }
}

/** Stream header and first block header (xz file format 1.0.4, sections 2.1.1 and 3.1). */
function inspect(head: Buffer): void {
  if (head.length < 24) throw new Undecodable('the file ends in its header')
  const check = (head[7] as number) & 0x0f
  if (!KNOWN_CHECKS.has(check))
    throw new Undecodable(`its integrity check has type ${check}; recompress with xz --check=crc64`)
  const headerSize = ((head[12] as number) + 1) * 4
  if (head[12] === 0) return // an index follows at once: an empty stream
  const block = head.subarray(12, 12 + headerSize)
  const flags = block[1] as number
  let at = 2
  const number = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = block[at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if ((byte & 0x80) === 0) return value
    }
    return value
  }
  if ((flags & 0x40) !== 0) number()
  if ((flags & 0x80) !== 0) number()
  for (let filter = 0; filter <= (flags & 3); filter += 1) {
    const id = number()
    const propertyBytes = number()
    if (id === LZMA2) {
      const bits = block[at] ?? 0
      const dictionary =
        bits >= 40 ? 2 ** 32 : (2 | (bits & 1)) * 2 ** (bits / 2 + 11 - (bits & 1) / 2)
      if (dictionary > MAX_DICTIONARY)
        throw new Undecodable(
          `its dictionary is ${dictionary} bytes; at most ${MAX_DICTIONARY} is accepted`,
        )
    }
    at += propertyBytes
  }
}
