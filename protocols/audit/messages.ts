/** The messages of `/muster/audit/1`. */
import { z } from 'zod'
import { bytesOf, proofMessage } from '../statement.ts'

export const checkpointResponse = z.object({ checkpoint: z.string().max(16_384) })
export const consistencyRequest = z.object({ from: z.int().nonnegative(), to: z.int().positive() })
export const consistencyResponse = z.object({ proof: proofMessage })
export const inclusionRequest = z.object({ index: z.int().nonnegative(), size: z.int().positive() })
export const inclusionResponse = z.object({ entry: bytesOf(65_536), proof: proofMessage })
/** Returns at most 256 entries, which is one entry bundle of the tile layout. */
export const entriesRequest = z.object({
  from: z.int().nonnegative(),
  count: z.int().positive().max(256),
})
export const entriesResponse = z.object({ entries: z.array(bytesOf(65_536)) })
