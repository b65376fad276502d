/** The messages of `/muster/enroll/1`. */
import { z } from 'zod'
import { agentId } from '../../shared/ids.ts'
import { KIB } from '../../shared/units.ts'
import { bytesOf, signedMessage } from '../statement.ts'

/** A host that missed more revocations gets the rest with its next intents. */
export const MAX_JOIN_REVOCATIONS = 500
/** Half of the largest response. */
export const MAX_JOIN_REVOCATION_BYTES = 512 * KIB

export const joinRequest = z.object({
  agent: z.custom<string>((value) => agentId.is(value), 'expected an agent id'),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  /** Absent if the host waits for an operator's approval. */
  token: bytesOf(32).optional(),
  /**
   * The host's claims about itself, shown to the operator who approves. Selectors ignore them
   * (ID-14).
   */
  claims: z
    .record(z.string().max(64), z.string().max(256))
    .refine((claims) => Object.keys(claims).length <= 32),
  version: z.string().max(64),
  /** A host that reconnects has every revocation up to this epoch. */
  epoch: z.int().nonnegative().optional(),
  /**
   * An agent draws this value when it starts. The value distinguishes a restarted host from a copy
   * of its disk.
   */
  instance: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
})
export type JoinRequest = z.infer<typeof joinRequest>

export const joinResponse = z.object({
  status: z.enum(['approved', 'pending']),
  /**
   * The chain of root statements, oldest first. The host checks it against the fingerprint in its
   * ticket.
   */
  roots: z.array(z.array(signedMessage).min(1).max(16)).min(1).max(64),
  /** Present after approval. */
  certificate: signedMessage.optional(),
  /**
   * For an approved host: the revocations after its `epoch`, in order. If there are too many, only
   * the oldest ones.
   */
  revocations: z.array(signedMessage).max(MAX_JOIN_REVOCATIONS).optional(),
})
export type JoinResponse = z.infer<typeof joinResponse>

export const renewRequest = z.object({
  version: z.string().max(64),
  addresses: z.array(z.string().max(256)).max(16),
})
export const renewResponse = z.object({ certificate: signedMessage })
