/**
 * An agent's statement about its host's packages: the next sequence number, the root of the full
 * set, and the changes or the set.
 */
import { z } from 'zod'
import {
  agentField,
  blobField,
  counterField,
  fleetField,
  objectField,
  sha256Field,
  timeField,
} from './fields.ts'

/** The maximum number of changes in a statement. More are sent as a blob. */
const MAX_EVENTS = 1024

export const factsSchema = z
  .strictObject({
    type: z.literal('muster/facts/v1'),
    fleet: fleetField,
    agent: agentField,
    /** A new journal starts a new epoch. In an epoch, sequence numbers have no gaps. */
    epoch: counterField,
    sequence: counterField,
    /** The digest of the full set after this statement, 64 lower-case hex digits. */
    root: sha256Field,
    kind: z.enum(['events', 'full']),
    /** The blob of canonical JSON with the full set, or with the events if they don't fit here. */
    payload: blobField.nullable(),
    events: z.array(objectField).max(MAX_EVENTS).nullable(),
    at: timeField,
  })
  .superRefine((facts, context) => {
    if ((facts.payload === null) === (facts.events === null))
      context.addIssue({
        code: 'custom',
        message: 'expected either a payload or events',
        path: ['payload'],
      })
    if (facts.kind === 'full' && facts.payload === null)
      context.addIssue({
        code: 'custom',
        message: 'expected a payload with a full set',
        path: ['payload'],
      })
  })

export type FactsStatement = z.infer<typeof factsSchema>
