/**
 * Makes contents, outboards and encodings in memory, for tests of the BLAKE3 tree with any group
 * size.
 */
import { type Batch, Decoder, type DecodeOptions } from '../blake3/decode.ts'
import { encode } from '../blake3/encode.ts'
import {
  type ByteRange,
  GROUP_BYTES,
  groupCount,
  groupsOf,
  HEADER_BYTES,
  leftGroups,
  PARENT_BYTES,
} from '../blake3/geometry.ts'
import { blake3Of } from '../blake3/hash.ts'
import { referenceParent, referenceSubtree } from './reference-blake3.ts'

/** Returns pseudo-random bytes without repetitions, which could hide an error of the tree. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = seed >>> 0 || 1
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Computes the outboard with the reference implementation, for any group size. */
export function referenceOutboard(content: Uint8Array, groupBytes: number): Buffer {
  const groups = groupCount(content.length, groupBytes)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(BigInt(content.length))
  const parents: Buffer[] = []
  const node = (start: number, count: number): Uint8Array => {
    const end = Math.min((start + count) * groupBytes, content.length)
    if (count === 1)
      return referenceSubtree(
        content.subarray(start * groupBytes, end),
        (start * groupBytes) / 1024,
        groups === 1,
      )
    const place = parents.push(Buffer.alloc(0)) - 1
    const left = leftGroups(count)
    const parent = Buffer.concat([node(start, left), node(start + left, count - left)])
    parents[place] = parent
    return referenceParent(parent, count === groups)
  }
  node(0, groups)
  return Buffer.concat([header, ...parents])
}

export interface Encodable {
  readonly content: Uint8Array
  readonly outboard: Uint8Array
  readonly root: Uint8Array
  readonly groupBytes: number
}

export function encodable(content: Uint8Array, groupBytes: number = GROUP_BYTES): Encodable {
  return {
    content,
    outboard: referenceOutboard(content, groupBytes),
    root: Buffer.from(blake3Of(content), 'hex'),
    groupBytes,
  }
}

/** Encodes from memory. The size is the one in the outboard's header. */
export async function encoded(
  { content, outboard, root, groupBytes }: Encodable,
  range?: ByteRange,
): Promise<Buffer> {
  const size = Number(Buffer.from(outboard).readBigUInt64LE())
  const fill = (into: Uint8Array, from: Uint8Array, at: number): void => {
    if (at + into.length > from.length) throw new Error('ended early')
    into.set(from.subarray(at, at + into.length))
  }
  const source = {
    root,
    size,
    groupBytes,
    readContent: async (into: Uint8Array, position: number) => fill(into, content, position),
    readParents: async (into: Uint8Array, index: number) => {
      fill(into, outboard, HEADER_BYTES + index * PARENT_BYTES)
      return into.length / PARENT_BYTES
    },
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of encode(
    source,
    groupsOf(range ?? { start: 0, end: size }, size, groupBytes),
  ))
    chunks.push(chunk)
  return Buffer.concat(chunks)
}

export interface Decoded {
  /** The decoded content and its position. */
  start: number
  content: Buffer
  /** The decoded parents by their place in pre-order. */
  parents: Map<number, Buffer>
  /** The thrown error, if any. */
  error: unknown
}

/** Decodes an encoding that arrives in pieces of `pieceBytes`, and collects the results. */
export function decoded(
  options: DecodeOptions,
  encoding: Uint8Array,
  pieceBytes: number = encoding.length,
): Decoded {
  const result: Decoded = {
    start: -1,
    content: Buffer.alloc(0),
    parents: new Map(),
    error: undefined,
  }
  const contents: Uint8Array[] = []
  const decoder = new Decoder(options, (batch: Batch) => {
    if (batch.groups > 0 && result.start < 0) result.start = batch.start
    contents.push(Buffer.from(batch.content))
    for (const { index, bytes } of batch.parents) {
      for (let at = 0; at < bytes.length; at += PARENT_BYTES) {
        result.parents.set(
          index + at / PARENT_BYTES,
          Buffer.from(bytes.subarray(at, at + PARENT_BYTES)),
        )
      }
    }
    batch.release()
  })
  try {
    for (let at = 0; at < encoding.length; at += pieceBytes)
      decoder.write(encoding.subarray(at, at + pieceBytes))
    decoder.end()
  } catch (error) {
    result.error = error
  }
  decoder.close()
  result.content = Buffer.concat(contents)
  return result
}
