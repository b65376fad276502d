/**
 * A revocation: a grant, a key or an agent that no longer counts, for good. Each takes the next number of the fleet's revocation epoch,
 * so a reader sees that one is missing and a replay of an old state is seen as old (revocations.ts).
 */
import { z } from 'zod'
import { agentId, fingerprint, operationId } from '../ids.ts'
import { fingerprintField, fleetField } from './fields.ts'

const TARGET = { grant: operationId.is, key: fingerprint.is, agent: agentId.is } as const

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
  })
  .refine((revocation) => TARGET[revocation.kind](revocation.target), {
    path: ['target'],
    message: 'expected the id of what the kind names: a grant or agent id, or a key fingerprint',
  })

export type Revocation = z.infer<typeof revocationSchema>
