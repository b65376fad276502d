/** The messages of `/muster/command/1`, from a coordinator to an agent. */
import { z } from 'zod'
import { runId } from '../../shared/ids.ts'
import { openingsMessage } from '../rpc/openings.ts'
import { MIB } from '../../shared/units.ts'
import { bytesOf, hashMessage, proofMessage, signedMessage } from '../statement.ts'

export const limitName = z.enum(['memory', 'pids', 'cpu'])
const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')

/**
 * The maximum number of revocations in one message. Most have 700 bytes, and those with a chain of
 * grants are longer.
 */
export const MAX_REVOCATIONS = 1024
/** Half of the largest request, because the request has other parts. */
export const MAX_REVOCATION_BYTES = 1 * MIB

/** An intent with all data that an agent needs to check it without trust in the coordinator. */
export const performRequest = z.object({
  intent: signedMessage,
  /** The log entry of the intent, byte for byte. */
  entry: bytesOf(65_536),
  index: z.int().nonnegative(),
  /** Proves that the checkpoint's root includes the entry. */
  inclusion: proofMessage,
  /** The signed note of the checkpoint. */
  checkpoint: z.string().max(16_384),
  /**
   * Proves that this checkpoint extends the last one that the agent reported. Empty if the agent
   * had none.
   */
  consistency: proofMessage,
  consistentFrom: z.int().nonnegative(),
  roots: z.array(z.array(signedMessage).min(1).max(16)).min(1).max(64),
  /** The chain of grants from the root to the actor, for this host. */
  grants: z.array(signedMessage).max(64),
  /** The revocations after the epoch that the agent reported. */
  revocations: z.array(signedMessage).max(MAX_REVOCATIONS),
  /**
   * The values for the intent's commitments: the variables of a `run.start`. Absent if there are no
   * variables.
   */
  values: openingsMessage.optional(),
})
export type PerformRequest = z.infer<typeof performRequest>
export const performResponse = z.object({ outcome: signedMessage })

/** The agent's newest state. The coordinator sends the data that the agent lacks. */
export const positionResponse = z.object({
  /** The size of the newest checkpoint. The coordinator proves that its log extends it. */
  size: z.int().nonnegative(),
  root: hashMessage.nullable(),
  /**
   * The signed note of that checkpoint. A coordinator uses it to detect that its own log lost or
   * changed entries. Absent if the agent has no checkpoint.
   */
  checkpoint: z.string().max(16_384).optional(),
  /** The agent has every revocation up to this epoch. Absent if it has none. */
  epoch: z.int().nonnegative().default(0),
})

/**
 * Revocations for a host that lacks more of them than fit into the message with the intent. They
 * are sent before the intent, the oldest first.
 */
export const learnRequest = z.object({
  revocations: z.array(signedMessage).min(1).max(MAX_REVOCATIONS),
})
/** The agent now has every revocation up to this epoch. */
export const learnResponse = z.object({ epoch: z.int().nonnegative() })

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
  /**
   * Requested limits that the host can't enforce. Absent if all are enforced or the agent is older.
   */
  unenforced: z.array(limitName).max(3).optional(),
})
export type RunStatusMessage = z.infer<typeof runStatus>
export const statusRequest = z.object({ runs: z.array(runText).max(1000) })
/** The response has only runs that the agent has a record of. */
export const statusResponse = z.object({ runs: z.array(runStatus) })
/** Requests the outcome of exactly this intent. */
export const probeRequest = z.object({ intent: signedMessage })
/**
 * The outcome that the agent signed. If the intent has not arrived, the agent refuses it from now
 * on, so that this response stays correct. The outcome is `unknown` if the agent may have deleted
 * its record of the intent.
 */
export const probeResponse = z.object({ outcome: signedMessage })
