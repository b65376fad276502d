/** The messages of `/muster/blobs/1`. */
import { z } from 'zod'
import { type BlobId, blobId } from '../../shared/ids.ts'

export const blobField = z.custom<BlobId>(blobId.is, 'expected a blob id')
const size = z.int().nonnegative()
export const rangeField = z
  .object({ start: size, end: size })
  .refine(({ start, end }) => start < end, 'expected start < end')

/**
 * More than this many ranges say that a blob is fetched in a wild order; the rest is left out,
 * which only makes the holder less useful.
 */
export const MAX_RANGES = 64
/** Ids in one question: a metadata set, or a page of a larger list. */
export const MAX_IDS = 256

/**
 * Bytes [start, end) of a blob; an empty blob is asked for as 0 to 0. `start` is a multiple of 16
 * KiB, and so is `end` unless it is the size.
 */
export const fetchRequest = z
  .object({
    id: blobField,
    /**
     * What the caller believes the size to be; the tree has this shape. A wrong one fails the
     * verification at the caller.
     */
    size,
    start: size,
    end: size,
  })
  .refine(
    ({ start, end, size: bytes }) => end <= bytes && (start < end || bytes === 0),
    'expected start < end <= size',
  )
/** Follows the encoding, of which it says how long it was. */
export const fetchResponse = z.object({ bytes: size })

export const haveRequest = z.object({ ids: z.array(blobField).min(1).max(MAX_IDS) })
/** One item for each id, in order. `size` is a claim until the blob's last group is verified. */
export const haveResponse = z.object({
  holdings: z
    .array(
      z.object({
        /** Absent: nothing of it is here. */
        size: size.optional(),
        /** The verified ranges, if only part of it is here. Absent with a size: all of it. */
        ranges: z.array(rangeField).max(MAX_RANGES).optional(),
      }),
    )
    .max(MAX_IDS),
})
export type Holding = z.infer<typeof haveResponse>['holdings'][number]
