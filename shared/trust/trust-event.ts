/**
 * What a coordinator writes to the log in its own name, because no operator's intent says it: hosts
 * that came, with a token or to wait. Signed by its issuing key; no such statement ever makes an
 * agent act.
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
  /** The host it is about; null if it is about none. */
  agent: agentField.nullable(),
  /** The operator who asked; null if nobody did. */
  actor: fingerprintField.nullable(),
  /** The operation it belongs to; null if to none. */
  operation: operationField.nullable(),
  detail: objectField,
  at: timeField,
})

export type TrustEvent = z.infer<typeof trustEventSchema>
