/** The messages of `/muster/blobs/1`. */
import { z } from 'zod'
import { type BlobId, blobId } from '../../shared/ids.ts'

export const blobField = z.custom<BlobId>(blobId.is, 'expected a blob id')
const size = z.int().nonnegative()
export const rangeField = z
  .object({ start: size, end: size })
  .refine(({ start, end }) => start < end, 'expected start < end')

/**
 * A blob that is fetched in random order has more ranges. The others are left out, so a caller
 * requests fewer of them from this holder.
 */
export const MAX_RANGES = 64
/** The maximum number of ids in one request: one metadata set, or one page of a larger list. */
export const MAX_IDS = 256

/**
 * Bytes [start, end) of a blob. An empty blob is requested as 0 to 0. `start` is a multiple of 16
 * KiB, and so is `end` unless it equals the size.
 */
export const fetchRequest = z
  .object({
    id: blobField,
    /**
     * The size that the caller assumes, which determines the shape of the tree. With a wrong size
     * the caller's verification fails.
     */
    size,
    start: size,
    end: size,
  })
  .refine(
    ({ start, end, size: bytes }) => end <= bytes && (start < end || bytes === 0),
    'expected start < end <= size',
  )
/** The response, which follows the encoding and contains its length. */
export const fetchResponse = z.object({ bytes: size })

export const haveRequest = z.object({ ids: z.array(blobField).min(1).max(MAX_IDS) })
/**
 * The response has one item for each id, in the same order. `size` is unproven until the blob's
 * last group is verified.
 */
export const haveResponse = z.object({
  holdings: z
    .array(
      z.object({
        /** Absent if the node has no part of the blob. */
        size: size.optional(),
        /**
         * The verified ranges if the node has only a part. If only `size` is present, the node has
         * the whole blob.
         */
        ranges: z.array(rangeField).max(MAX_RANGES).optional(),
      }),
    )
    .max(MAX_IDS),
})
export type Holding = z.infer<typeof haveResponse>['holdings'][number]
