/** The messages of `/muster/output/1`. The data that follows the request: one byte for the stream (1 stdout, 2 stderr), then bytes of it in order. */
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
export const STDOUT = 1
export const STDERR = 2
