/**
 * Decodes zstandard (RFC 8878), all frames. Node's decoder stops after the first frame without an
 * error, so frames are separated here by their block headers, and each gets a new decoder.
 * Skippable frames are skipped.
 */
import { constants, createZstdDecompress } from 'node:zlib'
import { through } from './through.ts'
import { Undecodable } from './undecodable.ts'

/** The decoder allocates the window. Clients accept up to 2^27 (`zstd --long=27`). */
const MAX_WINDOW_LOG = 27
const MAX_WINDOW = 2 ** MAX_WINDOW_LOG

const OPTIONS = { params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } }

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50

export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = byteReader(source)
  try {
    while (await input.has(1)) {
      const magic = (await input.take(4, 'a frame')).readUInt32LE()
      if (magic === FRAME_MAGIC) yield* through(frame(input), createZstdDecompress(OPTIONS))
      else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await skipFrame(input)
      else throw new Undecodable('something that is not a zstandard frame follows')
    }
  } finally {
    await input.close()
  }
}

async function skipFrame(input: ByteReader): Promise<void> {
  let left = (await input.take(4, 'a skippable frame')).readUInt32LE()
  while (left > 0) left -= (await input.some(left, 'a skippable frame')).length
}

/** Yields the bytes of a frame whose magic has been read: header, all blocks, checksum. */
async function* frame(input: ByteReader): AsyncGenerator<Buffer> {
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(FRAME_MAGIC)
  const { header, hasChecksum } = await frameHeader(input)
  yield Buffer.concat([magic, header])
  for (let isLast = false; !isLast; ) {
    const head = await input.take(3, 'a block')
    const word = head.readUIntLE(0, 3)
    isLast = (word & 1) === 1
    const kind = (word >> 1) & 3
    yield head
    // A run-length block contains one byte. Its size field is the length of the run.
    let left = kind === 1 ? 1 : word >> 3
    while (left > 0) {
      const part = await input.some(left, 'a block')
      left -= part.length
      yield part
    }
  }
  if (hasChecksum) yield await input.take(4, 'a frame checksum')
}

/** Bounds the window before the decoder allocates it. */
async function frameHeader(input: ByteReader): Promise<{ header: Buffer; hasChecksum: boolean }> {
  const descriptor = await input.take(1, 'a frame header')
  const flags = descriptor.readUInt8()
  const isSingleSegment = (flags & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0
  const sizeFlag = flags >> 6
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  const windowBytes = isSingleSegment ? 0 : 1
  const rest = await input.take(windowBytes + dictionaryBytes + sizeBytes, 'a frame header')
  const window = isSingleSegment
    ? contentSize(rest.subarray(dictionaryBytes), sizeFlag)
    : windowSize(rest.readUInt8())
  if (window > MAX_WINDOW)
    throw new Undecodable(`its window is ${window} bytes; at most ${MAX_WINDOW} is accepted`)
  return { header: Buffer.concat([descriptor, rest]), hasChecksum: (flags & 4) !== 0 }
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

/** Reads the content size. A single-segment frame uses it as its window size. */
function contentSize(field: Buffer, flag: number): number {
  if (flag === 0) return field.readUInt8()
  if (flag === 1) return field.readUInt16LE() + 256
  if (flag === 2) return field.readUInt32LE()
  return Number(field.readBigUInt64LE())
}

interface ByteReader {
  /** True if at least `count` bytes are left. */
  has(count: number): Promise<boolean>
  take(count: number, what: string): Promise<Buffer>
  /** Returns the bytes that are already buffered: at least one, at most `most`. */
  some(most: number, what: string): Promise<Buffer>
  close(): Promise<void>
}

/** Reads exact numbers of bytes from a stream of chunks. */
function byteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const cut = (what: string): Undecodable =>
    new Undecodable(`the file ends in the middle of ${what}`)
  const has = async (count: number): Promise<boolean> => {
    while (held.length < count) {
      const { value, done } = await iterator.next()
      if (done === true) return false
      held =
        held.length === 0
          ? Buffer.from(value.buffer, value.byteOffset, value.length)
          : Buffer.concat([held, value])
    }
    return true
  }
  const advance = (count: number): Buffer => {
    const part = held.subarray(0, count)
    held = held.subarray(count)
    return part
  }
  return {
    has,
    async take(count, what) {
      if (!(await has(count))) throw cut(what)
      return advance(count)
    },
    async some(most, what) {
      if (!(await has(1))) throw cut(what)
      return advance(Math.min(most, held.length))
    },
    async close() {
      await iterator.return?.()
    },
  }
}
