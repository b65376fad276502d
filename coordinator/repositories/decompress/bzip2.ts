/**
 * bzip2, all streams, with block and stream checksums verified. Old repositories still have it,
 * node:zlib does not. One block (at most 900,000 bytes) is held at a time. Source of the format:
 * bzip2 1.0.8 (decompress.c), and "bzip2 file format" by Joe Tsai.
 */
import { Undecodable } from './undecodable.ts'

const BLOCK_MAGIC = 0x314159265359
const END_MAGIC = 0x177245385090
/** Symbols of a Huffman group before the next selector is taken. */
const GROUP = 50
const MAX_CODE_BITS = 20

export async function* bunzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bits = new BitReader(source[Symbol.asyncIterator]())
  try {
    do {
      const level = await streamHeader(bits)
      let combined = 0
      for (;;) {
        await bits.fill()
        const magic = bits.number(24) * 2 ** 24 + bits.number(24)
        const crc = bits.number(32)
        if (magic === END_MAGIC) {
          if (crc !== combined) throw new Undecodable('the checksum of a stream is wrong')
          bits.align()
          break
        }
        if (magic !== BLOCK_MAGIC) throw new Undecodable('a block does not begin as a block')
        const block = readBlock(bits, level * 100_000)
        const got = crc32(block)
        if (got !== crc) throw new Undecodable('the checksum of a block is wrong')
        combined = (((combined << 1) | (combined >>> 31)) ^ got) >>> 0
        yield block
      }
    } while (await bits.more())
  } finally {
    await bits.close()
  }
}

async function streamHeader(bits: BitReader): Promise<number> {
  await bits.fill()
  const level = bits.number(24) === 0x425a68 ? bits.number(8) - 0x30 : 0
  if (level < 1 || level > 9) throw new Undecodable('something that is not a bzip2 stream follows')
  return level
}

/**
 * One block: Huffman codes, move-to-front, Burrows-Wheeler, run lengths; in that order back to the
 * bytes.
 */
function readBlock(bits: BitReader, capacity: number): Buffer {
  if (bits.number(1) === 1)
    throw new Undecodable('a block is randomised, which bzip2 has not written since 1997')
  const origin = bits.number(24)
  const symbols = usedSymbols(bits)
  const { transformed, count } = readSymbols(bits, symbols, capacity)
  if (origin >= count) throw new Undecodable('the origin of a block lies outside it')
  invert(transformed, count)
  return unrun(transformed, count, origin)
}

function usedSymbols(bits: BitReader): Uint8Array {
  const ranges = bits.number(16)
  const used: number[] = []
  for (let range = 0; range < 16; range += 1) {
    if ((ranges & (0x8000 >> range)) === 0) continue
    const members = bits.number(16)
    for (let member = 0; member < 16; member += 1)
      if ((members & (0x8000 >> member)) !== 0) used.push(range * 16 + member)
  }
  if (used.length === 0) throw new Undecodable('a block uses no symbols')
  return Uint8Array.from(used)
}

function readSymbols(
  bits: BitReader,
  used: Uint8Array,
  capacity: number,
): { transformed: Uint32Array; count: number } {
  const groups = bits.number(3)
  const selectorCount = bits.number(15)
  if (groups < 2 || groups > 6 || selectorCount < 1)
    throw new Undecodable('a block has no valid Huffman groups')
  const order = [0, 1, 2, 3, 4, 5].slice(0, groups)
  const selectors = new Uint8Array(selectorCount)
  for (let index = 0; index < selectorCount; index += 1) {
    let position = 0
    while (bits.number(1) === 1)
      if (++position >= groups) throw new Undecodable('a selector names no group')
    const [chosen] = order.splice(position, 1)
    order.unshift(chosen as number)
    selectors[index] = chosen as number
  }
  const alphabet = used.length + 2
  const tables = Array.from({ length: groups }, () => codeTable(bits, alphabet))
  const transformed = new Uint32Array(capacity)
  const front = used.slice()
  const endOfBlock = alphabet - 1
  let count = 0
  let run = 0
  let runBit = 1
  let selector = 0
  let left = 0
  let table = tables[0] as CodeTable
  const append = (byte: number, times: number): void => {
    if (count + times > capacity) throw new Undecodable('a block is longer than its stream allows')
    transformed.fill(byte, count, count + times)
    count += times
  }
  for (;;) {
    if (left === 0) {
      if (selector >= selectorCount) throw new Undecodable('a block has too few selectors')
      table = tables[selectors[selector++] as number] as CodeTable
      left = GROUP
    }
    left -= 1
    const symbol = decode(bits, table)
    if (symbol <= 1) {
      // Bijective base-2 number of repeats: symbol 0 adds one, symbol 1 two of the current weight.
      run += runBit << symbol
      runBit <<= 1
      if (run > capacity) throw new Undecodable('a run is longer than its block')
      continue
    }
    if (run > 0) {
      append(front[0] as number, run)
      run = 0
      runBit = 1
    }
    if (symbol === endOfBlock) return { transformed, count }
    const position = symbol - 1
    const byte = front[position] as number
    front.copyWithin(1, 0, position)
    front[0] = byte
    append(byte, 1)
  }
}

interface CodeTable {
  /**
   * First code of each length, minus the index of its first symbol; with `limit`, canonical Huffman
   * decoding.
   */
  base: Int32Array
  limit: Int32Array
  symbols: Uint16Array
}

function codeTable(bits: BitReader, alphabet: number): CodeTable {
  const lengths = new Uint8Array(alphabet)
  let length = bits.number(5)
  for (let symbol = 0; symbol < alphabet; symbol += 1) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_BITS)
        throw new Undecodable('a Huffman code has an impossible length')
      if (bits.number(1) === 0) break
      length += bits.number(1) === 0 ? 1 : -1
    }
    lengths[symbol] = length
  }
  const counts = new Int32Array(MAX_CODE_BITS + 2)
  for (const each of lengths) counts[each] = (counts[each] as number) + 1
  const base = new Int32Array(MAX_CODE_BITS + 1)
  const limit = new Int32Array(MAX_CODE_BITS + 1).fill(-1)
  let code = 0
  let index = 0
  for (let each = 1; each <= MAX_CODE_BITS; each += 1) {
    base[each] = code - index
    code += counts[each] as number
    index += counts[each] as number
    limit[each] = code - 1
    code <<= 1
  }
  const symbols = new Uint16Array(alphabet)
  let at = 0
  for (let each = 1; each <= MAX_CODE_BITS; each += 1)
    for (let symbol = 0; symbol < alphabet; symbol += 1)
      if (lengths[symbol] === each) symbols[at++] = symbol
  return { base, limit, symbols }
}

function decode(bits: BitReader, table: CodeTable): number {
  let code = 0
  for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
    code = (code << 1) | bits.number(1)
    const index = code - (table.base[length] as number)
    if (code <= (table.limit[length] as number) && index >= 0) {
      if (index >= table.symbols.length) break
      return table.symbols[index] as number
    }
  }
  throw new Undecodable('a Huffman code is invalid')
}

/**
 * The inverse of the Burrows-Wheeler transform, in place: the high 24 bits of each entry say where
 * the text goes on.
 */
function invert(transformed: Uint32Array, count: number): void {
  const starts = new Uint32Array(256)
  for (let index = 0; index < count; index += 1)
    starts[transformed[index] as number] = (starts[transformed[index] as number] as number) + 1
  let sum = 0
  for (let byte = 0; byte < 256; byte += 1) {
    const here = starts[byte] as number
    starts[byte] = sum
    sum += here
  }
  for (let index = 0; index < count; index += 1) {
    const byte = (transformed[index] as number) & 0xff
    const to = starts[byte] as number
    starts[byte] = to + 1
    transformed[to] = ((transformed[to] as number) & 0xff) | (index << 8)
  }
}

/**
 * Follows the text from its origin and expands runs: four equal bytes are followed by a count of
 * further ones.
 */
function unrun(next: Uint32Array, count: number, origin: number): Buffer {
  let output = Buffer.allocUnsafe(Math.max(64, count * 2))
  let length = 0
  let position = (next[origin] as number) >>> 8
  let repeats = 0
  let previous = -1
  for (let index = 0; index < count; index += 1) {
    const entry = next[position] as number
    const byte = entry & 0xff
    position = entry >>> 8
    // A run of four may grow by up to 255: room for one more such step at any time.
    if (length + 256 > output.length)
      output = Buffer.concat([output, Buffer.allocUnsafe(output.length)])
    if (repeats === 4) {
      output.fill(previous, length, length + byte)
      length += byte
      repeats = 0
      previous = -1
      continue
    }
    output[length++] = byte
    repeats = byte === previous ? repeats + 1 : 1
    previous = byte
  }
  return output.subarray(0, length)
}

/** CRC-32 with polynomial 0x04C11DB7, most significant bit first, as bzip2 has it. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  return crc >>> 0
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ byte) & 0xff] as number)
  return ~crc >>> 0
}

/**
 * A block is at most 900,000 symbols of 20 bits, and its tables: with this much held, a block is
 * read without waiting.
 */
const HELD_BYTES = 3 * 1024 * 1024

/** Bits, most significant first. `fill` waits for input; `number` does not. */
class BitReader {
  #iterator: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)
  #at = 0
  #bits = 0
  #bitCount = 0
  #ended = false

  constructor(iterator: AsyncIterator<Uint8Array>) {
    this.#iterator = iterator
  }

  async fill(): Promise<void> {
    if (this.#held.length - this.#at >= HELD_BYTES || this.#ended) return
    const parts = [this.#held.subarray(this.#at)]
    let size = this.#held.length - this.#at
    while (size < HELD_BYTES) {
      const { value, done } = await this.#iterator.next()
      if (done === true) {
        this.#ended = true
        break
      }
      parts.push(Buffer.from(value.buffer, value.byteOffset, value.length))
      size += value.length
    }
    this.#held = Buffer.concat(parts)
    this.#at = 0
  }

  number(count: number): number {
    if (count > 24) return this.number(count - 24) * 2 ** 24 + this.number(24)
    while (this.#bitCount < count) {
      if (this.#at >= this.#held.length)
        throw new Undecodable('the file ends in the middle of a block')
      this.#bits = ((this.#bits << 8) | (this.#held[this.#at++] as number)) & 0x7fffffff
      this.#bitCount += 8
    }
    this.#bitCount -= count
    return (this.#bits >>> this.#bitCount) & (2 ** count - 1)
  }

  align(): void {
    this.#bitCount = 0
  }

  async more(): Promise<boolean> {
    await this.fill()
    return this.#at < this.#held.length
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}
