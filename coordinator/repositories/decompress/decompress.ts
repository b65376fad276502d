/**
 * Decompression of repository metadata: gzip, xz, zstandard, bzip2 and plain, told apart by their
 * first bytes as client programs do, whatever the file is called. Every member, stream and frame is
 * decoded, never silently a prefix; a cut or damaged file is an error. Bytes are counted here
 * against a limit, because the `maxOutputLength` of node:zlib does not bound a stream.
 */
import { createGunzip } from 'node:zlib'
import { mirrorError } from '../model/errors.ts'
import { bunzip2 } from './bzip2.ts'
import { through } from './through.ts'
import { Undecodable } from './undecodable.ts'
import { unxz } from './xz.ts'
import { unzstd } from './zstd.ts'

export type Compression = 'gzip' | 'xz' | 'zstd' | 'bzip2' | 'zchunk' | 'none'

const MAGIC: readonly [Compression, readonly number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['zchunk', [0x00, 0x5a, 0x43, 0x4b, 0x31]],
]
/** Skippable zstandard frames (RFC 8878 section 3.1.2): 0x184D2A50 to 0x184D2A5F, little-endian. */
const isSkippable = (head: Uint8Array): boolean =>
  ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18

/**
 * The compression of a file that begins with these bytes; at least 6 of them unless the file is
 * shorter.
 */
export function sniffCompression(head: Uint8Array): Compression {
  if (isSkippable(head)) return 'zstd'
  return (
    MAGIC.find(([, magic]) => magic.every((byte, index) => head[index] === byte))?.[0] ?? 'none'
  )
}

/**
 * The decompressed bytes of `source`.
 * @param options.file - what errors call it
 * @param options.maxBytes - more than this is refused with `mirror.too-big` before it is handed on
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: { file: string; maxBytes: number },
): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source)
  let passed = 0
  try {
    for await (const bytes of decoded(sniffCompression(head), all)) {
      passed += bytes.length
      if (passed > options.maxBytes)
        throw mirrorError('mirror.too-big', {
          file: `${options.file}, decompressed,`,
          limit: options.maxBytes,
        })
      yield bytes
    }
  } catch (error) {
    // Only a decoder's own complaint is about the file; what `source` threw (an abort, a lost blob)
    // is passed on as it is.
    if (error instanceof SourceFailure) throw error.cause
    if (mirrorError.is(error)) throw error
    throw mirrorError(
      'mirror.metadata',
      { file: options.file, reason: `it can't be decompressed: ${reasonOf(error)}` },
      { cause: error },
    )
  }
}

function decoded(
  compression: Compression,
  source: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'gzip':
      return through(source, createGunzip())
    case 'xz':
      return unxz(source)
    case 'zstd':
      return unzstd(source)
    case 'bzip2':
      return bunzip2(source)
    case 'zchunk':
      throw new Undecodable(
        'zchunk is not read; repositories list the same metadata in another compression beside it',
      )
    case 'none':
      return source
    default:
      return compression satisfies never
  }
}

/** The decoders' own words differ by version; what is wrong is one of two things. */
function reasonOf(error: unknown): string {
  if (error instanceof Undecodable) return error.message
  return (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'
    ? 'it ends too early'
    : 'it is damaged or cut off'
}

/** Marks errors of the source on their way through a decoder. */
class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('the source failed', { cause })
  }
}

/** The first bytes, and an iterable over all of them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await iterator.next()
    } catch (error) {
      throw new SourceFailure(error)
    }
  }
  const first: Uint8Array[] = []
  let size = 0
  let ended = false
  try {
    while (size < 6 && !ended) {
      const { value, done } = await next()
      if (done === true) ended = true
      else {
        first.push(value)
        size += value.length
      }
    }
  } catch (error) {
    throw (error as SourceFailure).cause
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* first.splice(0)
      while (!ended) {
        const { value, done } = await next()
        if (done === true) return
        // An empty chunk tells nothing and some decoders take it for the end.
        if (value.length > 0) yield value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head: Buffer.concat(first.slice(0, 6)).subarray(0, 6), all: all() }
}
