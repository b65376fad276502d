/**
 * Takes the encoding of a range from a peer and writes the groups that the decoder has verified. No
 * other byte of it is written to a file.
 */
import { type Batch, Decoder } from '../blake3/decode.ts'
import { blake3Error } from '../blake3/errors.ts'
import type { ByteRange } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { blobError } from './errors.ts'

export interface RangeSink {
  /**
   * Takes the next bytes of the encoding. If it returns a promise, the disk is slower than the
   * sender, and the sender should wait. The caller may reuse the bytes after the call or after the
   * promise resolves. Throws blob.altered at the first bad item and for bytes past the end.
   */
  write(encoded: Uint8Array): void | Promise<void>
  /** True after the whole range is verified. Its groups may still wait for the disk. */
  readonly done: boolean
  /** Resolves when all verified groups are written. Throws the error of a failed write. */
  drained(): Promise<void>
  /**
   * Marks the end of the input. Throws blob.truncated unless the range is complete. Verified groups
   * are kept.
   */
  end(): void
  /** Aborts, also for a stalled sender. Verified groups are kept, and later writes throw. */
  close(): void
}

/** The receiver of a sink's batches. */
export interface Landing {
  readonly id: BlobId
  readonly size: number
  /** Writes a batch and marks its groups. Always releases the batch. */
  land(batch: Batch): Promise<void>
  /** Returns whether a caller waits for bytes. Then a batch is written before it is full. */
  hungry(): boolean
}

/**
 * The number of batches (1 MiB each) of one sink that may wait for the disk before its sender must
 * wait.
 */
const MAX_WRITING = 3

export function createSink(landing: Landing, range: ByteRange): RangeSink {
  let writing = 0
  let failure: unknown
  let wake: PromiseWithResolvers<void> | undefined
  const decoder = new Decoder(
    { root: Buffer.from(landing.id, 'hex'), size: landing.size, range },
    (batch) => {
      writing += 1
      landing.land(batch).then(landed, (error: unknown) => {
        failure ??= error
        landed()
      })
    },
  )
  function landed(): void {
    writing -= 1
    wake?.resolve()
    wake = undefined
  }
  async function until(limit: number): Promise<void> {
    while (writing > limit && failure === undefined) {
      wake ??= Promise.withResolvers()
      await wake.promise
    }
    if (failure !== undefined) throw failure
  }
  function guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      throw refused(landing.id, decoder.consumed, error)
    }
  }
  return {
    write(encoded) {
      if (failure !== undefined) throw failure
      guarded(() => decoder.write(encoded))
      if (landing.hungry()) decoder.flush()
      return writing > MAX_WRITING ? until(MAX_WRITING) : undefined
    },
    get done() {
      return decoder.done
    },
    drained: () => until(0),
    end: () => guarded(() => decoder.end()),
    close: () => decoder.close(),
  }
}

/** Converts the decoder's error to an error about this blob. */
function refused(id: BlobId, consumed: number, error: unknown): unknown {
  if (blake3Error.is(error, 'blake3.truncated'))
    return blobError('blob.truncated', { id, got: consumed }, { cause: error })
  if (blake3Error.is(error))
    return blobError('blob.altered', { id, reason: error.message }, { cause: error })
  return error
}
