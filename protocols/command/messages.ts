/** The messages of `/muster/command/1`: what a coordinator brings to an agent. */
import { z } from 'zod'
import { operationId, runId } from '../../shared/ids.ts'
import { bytesOf, hashMessage, proofMessage, signedMessage } from '../statement.ts'

const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')

/** An order with everything that an agent needs to check it without trusting who brought it. */
export const performRequest = z.object({
  intent: signedMessage,
  /** The log entry that holds the intent, byte for byte. */
  entry: bytesOf(65_536),
  index: z.int().nonnegative(),
  /** From the entry to the checkpoint's root. */
  inclusion: proofMessage,
  /** The signed note. */
  checkpoint: z.string().max(16_384),
  /** From the size of the last checkpoint that the agent said it holds to this one; empty where that was none. */
  consistency: proofMessage,
  consistentFrom: z.int().nonnegative(),
  roots: z.array(z.array(signedMessage).min(1).max(16)).min(1).max(64),
  grants: z.array(signedMessage).max(64),
  revocations: z.array(signedMessage).max(1024),
})
export type PerformRequest = z.infer<typeof performRequest>
export const performResponse = z.object({ outcome: signedMessage })

/** The newest checkpoint that the agent holds, so that the coordinator can prove consistency from it. */
export const positionResponse = z.object({ size: z.int().nonnegative(), root: hashMessage.nullable() })

export const runStatus = z.object({
  run: runText,
  state: z.enum(['starting', 'running', 'exited', 'stopped', 'killed', 'failed to start', 'lost']),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  reason: z.string().nullable(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  stdoutBytes: z.int(),
  stderrBytes: z.int(),
  droppedBytes: z.int(),
  limits: z.string().nullable(),
  containment: z.string().nullable(),
})
export type RunStatusMessage = z.infer<typeof runStatus>
export const statusRequest = z.object({ runs: z.array(runText).max(1000) })
/** Only the runs that the agent knows. */
export const statusResponse = z.object({ runs: z.array(runStatus) })
export const probeRequest = z.object({ operation: z.custom<string>((value) => operationId.is(value), 'expected an operation id') })
/** The outcome that the agent signed for the operation; absent where it never accepted the operation. */
export const probeResponse = z.object({ outcome: signedMessage.optional() })
