/** The messages of `/muster/output/1`. The data before the response are pieces, see pieces.ts. */
import { z } from 'zod'
import { runId } from '../../shared/ids.ts'
import { runStatus } from '../command/messages.ts'

export const outputRequest = z.object({
  run: z.custom<string>((value) => runId.is(value), 'expected a run id'),
  /** False: only the present output. True: until the run has ended and all output was sent. */
  follow: z.boolean(),
  /** Offsets in bytes at which to begin. */
  stdout: z.int().nonnegative(),
  stderr: z.int().nonnegative(),
})
export const outputResponse = z.object({ status: runStatus })
