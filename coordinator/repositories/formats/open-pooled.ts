/** Opens a file of an index that is in the pool. */
import { blobError } from '../../../shared/blobs/errors.ts'
import { decompress } from '../decompress/decompress.ts'
import type { PooledFile } from '../model/selection.ts'
import type { PoolDeps } from './format.ts'

/**
 * Yields its decompressed bytes.
 * @throws blob.unknown if the content is lost or found damaged; mirror.metadata
 */
export async function* openPooled(
  { pool }: PoolDeps,
  file: PooledFile,
  { maxBytes, signal }: { maxBytes: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  if ((await pool.verify(file.blob, signal)) !== 'sound')
    throw blobError('blob.unknown', { id: file.blob })
  yield* decompress(pool.read(file.blob, undefined, signal), { file: file.path, maxBytes })
}
