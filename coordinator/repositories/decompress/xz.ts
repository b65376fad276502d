/**
 * Decodes all streams and blocks of xz with xz-decompress (WebAssembly of xz-embedded). The
 * dictionary size of the first block is bounded here. The caller's limit bounds later blocks,
 * because a dictionary uses memory only as it fills.
 */
import { ReadableStream } from 'node:stream/web'
// CommonJS without named exports.
import xzDecompress from 'xz-decompress'
import { Undecodable } from './undecodable.ts'

/** `xz -9` uses 64 MiB. Twice that is accepted, as for zstandard. */
const MAX_DICTIONARY = 2 ** 27
/** The stream header (12), and the longest block header (1,024). */
const HEADER_BYTES = 12 + 1024
const LZMA2 = 0x21
/** The check types that the decoder supports: none, CRC32, CRC64. */
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
  // The decoder replaces an error of the source with its own, but the caller needs the source's.
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
    yield* chunksOf(new xzDecompress.XzReadableStream(input))
  } catch (error) {
    throw failure === undefined ? error : failure.error
  } finally {
    await iterator.return?.()
  }
}

/**
 * Reads the chunks through a reader. Node's streams are async iterables, but xz-decompress declares
 * those of browsers, which aren't.
 */
async function* chunksOf(stream: InstanceType<typeof xzDecompress.XzReadableStream>) {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}

/** Checks stream header and first block header (xz file format 1.0.4, sections 2.1.1 and 3.1). */
function inspect(head: Buffer): void {
  if (head.length < 24) throw new Undecodable('the file ends in its header')
  const check = head.readUInt8(7) & 0x0f
  if (!KNOWN_CHECKS.has(check))
    throw new Undecodable(`its integrity check has type ${check}; recompress with xz --check=crc64`)
  const sizeByte = head.readUInt8(12)
  // An index follows: the stream is empty.
  if (sizeByte === 0) return
  const headerSize = (sizeByte + 1) * 4
  const block = head.subarray(12, 12 + headerSize)
  const flags = block.readUInt8(1)
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
