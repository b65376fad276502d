/**
 * A revocation: a grant, a key or an agent is permanently invalid. Each takes the next number of
 * the fleet's revocation epoch, so that a reader detects a missing one and a replay of an old state
 * (revocations.ts).
 */
import { z } from 'zod'
import { agentId, fingerprint, operationId } from '../ids.ts'
import { fingerprintField, fleetField } from './fields.ts'
import { MAX_DELEGATIONS } from './grant.ts'

const TARGET = { grant: operationId.is, key: fingerprint.is, agent: agentId.is } as const

/**
 * A signed grant in the form of a log entry, which revoker.ts checks. The size of the enclosing
 * statement limits it.
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
    /** 1 for the first revocation of a fleet. Each next one has the next number. */
    epoch: z.int().min(1),
    issuer: fingerprintField,
    /**
     * The right to revoke, if the issuer isn't an operator: the grants from an operator's down to
     * the revoked one, in this order. They are included so that every receiver can check the
     * revocation by itself. Otherwise an outsider could occupy an epoch and make the genuine
     * revocation look like a fork.
     */
    chain: z
      .array(grantText)
      .min(1)
      .max(1 + MAX_DELEGATIONS)
      .optional(),
  })
  .refine((revocation) => revocation.chain === undefined || revocation.kind === 'grant', {
    path: ['chain'],
    message: 'expected only for a revocation of a grant',
  })
  .refine((revocation) => TARGET[revocation.kind](revocation.target), {
    path: ['target'],
    message: 'expected an id of the kind: a grant or agent id, or a key fingerprint',
  })

export type Revocation = z.infer<typeof revocationSchema>
