/**
 * A revocation: a grant, a key or an agent that no longer counts, for good. Each takes the next
 * number of the fleet's revocation epoch, so a reader sees that one is missing and a replay of an
 * old state is seen as old (revocations.ts).
 */
import { z } from 'zod'
import { agentId, fingerprint, operationId } from '../ids.ts'
import { fingerprintField, fleetField } from './fields.ts'
import { MAX_DELEGATIONS } from './grant.ts'

const TARGET = { grant: operationId.is, key: fingerprint.is, agent: agentId.is } as const

/**
 * A signed grant as a log entry would hold it; revoker.ts checks it. Bounded by the statement that
 * it stands in.
 */
const grantText = z.strictObject({
  statement: z.string(),
  scheme: z.literal('sshsig'),
  key: z.string(),
  signature: z.string(),
})

export const revocationSchema = z
  .strictObject({
    type: z.literal('muster/revocation/v1'),
    fleet: fleetField,
    id: z.custom<string>(operationId.is, 'expected a UUID'),
    kind: z.enum(['grant', 'key', 'agent']),
    /** The id of the grant, the fingerprint of the key, or the id of the agent. */
    target: z.string(),
    /** 1 for the first revocation of a fleet, then one more each. */
    epoch: z.int().min(1),
    issuer: fingerprintField,
    /**
     * By what right, where the issuer is no operator: the grants from an operator's down to the
     * revoked one, in this order. They stand in here so that whoever hears of the revocation can
     * judge it by itself: else anybody could take an epoch and make the genuine one look like a
     * fork.
     */
    chain: z
      .array(grantText)
      .min(1)
      .max(1 + MAX_DELEGATIONS)
      .optional(),
  })
  .refine((revocation) => revocation.chain === undefined || revocation.kind === 'grant', {
    path: ['chain'],
    message: 'expected only where a grant is revoked',
  })
  .refine((revocation) => TARGET[revocation.kind](revocation.target), {
    path: ['target'],
    message: 'expected the id of what the kind names: a grant or agent id, or a key fingerprint',
  })

export type Revocation = z.infer<typeof revocationSchema>
