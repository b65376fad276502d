/**
 * Zstandard (RFC 8878), all frames. Node's decoder stops after the first frame without an error, so
 * frames are cut apart here by reading their block headers, and each gets a decoder of its own;
 * skippable frames are passed over. The window is bounded before memory is.
 */
import { constants, createZstdDecompress } from 'node:zlib'
import { through } from './through.ts'
import { Undecodable } from './undecodable.ts'

/**
 * client programs accept windows up to 2^27 (`zstd --long=27`); the window is memory that the
 * sender makes us use.
 */
const MAX_WINDOW_LOG = 27
const MAX_WINDOW = 2 ** MAX_WINDOW_LOG

const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50

export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = byteReader(source)
  try {
    while (await input.has(1)) {
      const magic = (await input.take(4, 'a frame')).readUInt32LE()
      if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
        let left = (await input.take(4, 'a skippable frame')).readUInt32LE()
        while (left > 0) left -= (await input.some(left, 'a skippable frame')).length
      } else if (magic === FRAME_MAGIC) {
        const options = { params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } }
        yield* through(frame(input), createZstdDecompress(options))
      } else throw new Undecodable('something that is not a zstandard frame follows')
    }
  } finally {
    await input.close()
  }
}

/** The bytes of one frame, whose magic has been read: header, blocks up to the last, checksum. */
async function* frame(input: ByteReader): AsyncGenerator<Buffer> {
  const magic = Buffer.alloc(4)
  magic.writeUInt32LE(FRAME_MAGIC)
  yield magic
  const descriptor = await input.take(1, 'a frame header')
  const flags = descriptor[0] as number
  const singleSegment = (flags & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] as number
  const sizeFlag = flags >> 6
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag
  const windowBytes = singleSegment ? 0 : 1
  const rest = await input.take(windowBytes + dictionaryBytes + sizeBytes, 'a frame header')
  const window = singleSegment
    ? contentSize(rest.subarray(dictionaryBytes), sizeFlag)
    : windowSize(rest[0] as number)
  if (window > MAX_WINDOW)
    throw new Undecodable(`its window is ${window} bytes; at most ${MAX_WINDOW} is accepted`)
  yield Buffer.concat([descriptor, rest])
  for (let last = false; !last; ) {
    const header = await input.take(3, 'a block')
    const word = header.readUIntLE(0, 3)
    last = (word & 1) === 1
    const kind = (word >> 1) & 3
    yield header
    // A run-length block holds one byte whatever its size says.
    let left = kind === 1 ? 1 : word >> 3
    while (left > 0) {
      const part = await input.some(left, 'a block')
      left -= part.length
      yield part
    }
  }
  if ((flags & 4) !== 0) yield await input.take(4, 'a frame checksum')
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

/** Single-segment frames use their content size as window. */
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
  /** At least one byte and at most `most`, without waiting for more than there is. */
  some(most: number, what: string): Promise<Buffer>
  close(): Promise<void>
}

/** Exact reads over a stream of chunks. */
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
