/**
 * Takes the encoding of a range from a peer and writes the groups that the decoder has verified. No
 * other byte of it reaches a file.
 */
import { type Batch, Decoder } from '../blake3/decode.ts'
import { blake3Error } from '../blake3/errors.ts'
import type { ByteRange } from '../blake3/geometry.ts'
import type { BlobId } from '../ids.ts'
import { blobError } from './errors.ts'

export interface RangeSink {
  /**
   * Takes the next bytes of the encoding. The caller may reuse them after this returns or, if it
   * returns a promise, after that resolves: the disk is slower than the sender then, and the sender
   * should wait. Throws blob.altered at the first bad item and for bytes past the end.
   */
  write(encoded: Uint8Array): void | Promise<void>
  /** True once the whole range is verified; its groups may still be in the queue to the disk. */
  readonly done: boolean
  /** Resolves once all verified groups are written. Throws the error of a failed write. */
  drained(): Promise<void>
  /**
   * Marks the end of the input. Throws blob.truncated unless the range is done. Verified groups are
   * kept.
   */
  end(): void
  /** Aborts: verified groups are kept, later writes throw. Also used for a stalled sender. */
  close(): void
}

/** The receiver of a sink's batches. */
export interface Landing {
  readonly id: BlobId
  readonly size: number
  /** Writes a batch and marks its groups; releases it in any case. */
  land(batch: Batch): Promise<void>
  /** Whether a caller waits for bytes, so that a batch should be written before it is full. */
  hungry(): boolean
}

/**
 * Batches (1 MiB each) of one sink that may be in the queue to the disk before its sender must
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

/** The decoder's error as an error about this blob. */
function refused(id: BlobId, consumed: number, error: unknown): unknown {
  if (blake3Error.is(error, 'blake3.truncated'))
    return blobError('blob.truncated', { id, got: consumed }, { cause: error })
  if (blake3Error.is(error))
    return blobError('blob.altered', { id, reason: error.message }, { cause: error })
  return error
}
