/**
 * The messages of `/muster/output/1`. The data that precede the response are pieces, see pieces.ts.
 */
import { z } from 'zod'
import { runId } from '../../shared/ids.ts'
import { runStatus } from '../command/messages.ts'

export const outputRequest = z.object({
  run: z.custom<string>((value) => runId.is(value), 'expected a run id'),
  /** False: what there is now. True: until the run has ended and everything is sent. */
  follow: z.boolean(),
  /** Offsets to begin at, in bytes. */
  stdout: z.int().nonnegative(),
  stderr: z.int().nonnegative(),
})
export const outputResponse = z.object({ status: runStatus })
