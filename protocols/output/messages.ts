/**
 * The messages of `/muster/output/1`. The data before the response consists of pieces (pieces.ts).
 */
import { z } from 'zod'
import { runId } from '../../shared/ids.ts'
import { runStatus } from '../command/messages.ts'

export const outputRequest = z.object({
  run: z.custom<string>((value) => runId.is(value), 'expected a run id'),
  /**
   * False for only the present output. True to continue until the run has ended and all output was
   * sent.
   */
  follow: z.boolean(),
  /** The offsets in bytes at which the output begins. */
  stdout: z.int().nonnegative(),
  stderr: z.int().nonnegative(),
})
export const outputResponse = z.object({ status: runStatus })
