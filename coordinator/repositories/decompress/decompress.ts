/**
 * Decompresses repository metadata: gzip, xz, zstandard, bzip2 and plain, recognised by their first
 * bytes. Every member, stream and frame is decoded. A cut or damaged file is an error. The output
 * is bounded here, because the `maxOutputLength` of node:zlib doesn't bound a stream.
 */
import { createGunzip } from 'node:zlib'
import { errno } from '../../../shared/errno.ts'
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

/** Bytes that show the compression of a file. */
const MAGIC_BYTES = 6

/** @param head - the first {@link MAGIC_BYTES} of a file, or all of a shorter one */
export function sniffCompression(head: Uint8Array): Compression {
  if (isSkippable(head)) return 'zstd'
  return (
    MAGIC.find(([, magic]) => magic.every((byte, index) => head[index] === byte))?.[0] ?? 'none'
  )
}

/**
 * Returns the decompressed bytes of `source`.
 * @param options.file - its name in errors
 * @throws mirror.too-big before more than `maxBytes` are yielded, mirror.metadata
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: { file: string; maxBytes: number },
): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source)
  let size = 0
  try {
    for await (const bytes of decoded(sniffCompression(head), all)) {
      size += bytes.length
      if (size > options.maxBytes)
        throw mirrorError('mirror.too-big', {
          file: `${options.file}, decompressed,`,
          limit: options.maxBytes,
        })
      yield bytes
    }
  } catch (error) {
    // An error of the source, such as an abort or a lost blob, doesn't concern the file's format.
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

/** Returns a fixed text. The decoders' texts differ by version, so they aren't shown. */
function reasonOf(error: unknown): string {
  if (error instanceof Undecodable) return error.message
  return errno(error) === 'Z_BUF_ERROR' ? 'it ends too early' : 'it is damaged or cut off'
}

/** Carries an error of the source through a decoder. */
class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('the source failed', { cause })
  }
}

/** Reads the first bytes. Returns them, and an iterable over all bytes of the source. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  const first: Uint8Array[] = []
  let size = 0
  while (size < MAGIC_BYTES) {
    const { value, done } = await iterator.next()
    if (done === true) break
    first.push(value)
    size += value.length
  }
  const head = Buffer.concat(first.slice(0, MAGIC_BYTES)).subarray(0, MAGIC_BYTES)
  return { head, all: continued(first, iterator) }
}

/** Yields the chunks that were read, then the others. Wraps errors as {@link SourceFailure}. */
async function* continued(
  first: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* first
    for (;;) {
      const { value, done } = await nextOf(iterator)
      if (done === true) return
      // Some decoders treat an empty chunk as the end.
      if (value.length > 0) yield value
    }
  } finally {
    await iterator.return?.()
  }
}

async function nextOf(
  iterator: AsyncIterator<Uint8Array>,
): Promise<IteratorResult<Uint8Array, unknown>> {
  try {
    return await iterator.next()
  } catch (error) {
    throw new SourceFailure(error)
  }
}
