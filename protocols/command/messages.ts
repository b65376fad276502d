/** The messages of `/muster/command/1`: what a coordinator brings to an agent. */
import { z } from 'zod'
import { runId } from '../../shared/ids.ts'
import { openingsMessage } from '../rpc/openings.ts'
import { MIB } from '../../shared/units.ts'
import { bytesOf, hashMessage, proofMessage, signedMessage } from '../statement.ts'

export const limitName = z.enum(['memory', 'pids', 'cpu'])
const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')

/**
 * Revocations in one message, 700 bytes each; those that bring their chain of grants are longer.
 */
export const MAX_REVOCATIONS = 1024
/** Half of the largest request: an order has other parts. */
export const MAX_REVOCATION_BYTES = 1 * MIB

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
  /**
   * From the size of the last checkpoint that the agent said it holds to this one; empty where that
   * was none.
   */
  consistency: proofMessage,
  consistentFrom: z.int().nonnegative(),
  roots: z.array(z.array(signedMessage).min(1).max(16)).min(1).max(64),
  /** The chain that leads from the root to the actor, for this host. */
  grants: z.array(signedMessage).max(64),
  /** Those that the agent lacks, by the epoch that it named. */
  revocations: z.array(signedMessage).max(MAX_REVOCATIONS),
  /**
   * What the intent only commits to: the values of the variables of a `run.start`. Absent: it names
   * none.
   */
  values: openingsMessage.optional(),
})
export type PerformRequest = z.infer<typeof performRequest>
export const performResponse = z.object({ outcome: signedMessage })

/** What the agent holds, so that the coordinator brings what it lacks. */
export const positionResponse = z.object({
  /** Of the newest checkpoint; the coordinator proves consistency from it. */
  size: z.int().nonnegative(),
  root: hashMessage.nullable(),
  /**
   * The signed note of that checkpoint: what shows a coordinator that its own log has lost or
   * changed entries. Absent: none.
   */
  checkpoint: z.string().max(16_384).optional(),
  /** The agent knows every revocation up to this epoch; absent: none. */
  epoch: z.int().nonnegative().default(0),
})

/**
 * Revocations ahead of an order, for a host that lacks more than one message holds. Oldest first.
 */
export const learnRequest = z.object({
  revocations: z.array(signedMessage).min(1).max(MAX_REVOCATIONS),
})
/** The epoch up to which the agent now knows every revocation. */
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
   * Limits that were asked for and that the host can't enforce. Absent: all hold, or the agent is
   * an older one.
   */
  unenforced: z.array(limitName).max(3).optional(),
})
export type RunStatusMessage = z.infer<typeof runStatus>
export const statusRequest = z.object({ runs: z.array(runText).max(1000) })
/** Only the runs that the agent knows. */
export const statusResponse = z.object({ runs: z.array(runStatus) })
/** What became of this very order? */
export const probeRequest = z.object({ intent: signedMessage })
/**
 * The outcome that the agent signed. An order that had not arrived is refused from then on, so that
 * the answer stays true; one that it may have forgotten is `unknown`.
 */
export const probeResponse = z.object({ outcome: signedMessage })
