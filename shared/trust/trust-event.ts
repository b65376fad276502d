/**
 * A coordinator's own log statements, for events without an operator's intent: hosts that joined
 * with a token or wait for approval. Signed by its issuing key. An agent never acts on one.
 */
import { z } from 'zod'
import {
  agentField,
  fingerprintField,
  fleetField,
  objectField,
  operationField,
  timeField,
} from './fields.ts'

export const trustEventSchema = z.strictObject({
  type: z.literal('muster/trust/v1'),
  fleet: fleetField,
  /** One word or several with dashes, such as `asked`, `enrolled`, `displaced`. */
  event: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected an event such as enrolled'),
  /** The host of the event. Null if there is none. */
  agent: agentField.nullable(),
  /** The operator who caused it. Null if there is none. */
  actor: fingerprintField.nullable(),
  /** The operation that it belongs to. Null if there is none. */
  operation: operationField.nullable(),
  detail: objectField,
  at: timeField,
})

export type TrustEvent = z.infer<typeof trustEventSchema>
