/** A blob of the pool, by each of its digests. */
import type { BlobId, Sha256 } from '../../../shared/ids.ts'

export interface BlobRecord {
  readonly id: BlobId
  readonly sha256: Sha256
  /** Bytes. */
  readonly size: number
}
