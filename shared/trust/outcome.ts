/** An outcome: the result of an operation on one target, signed by the node that executed it. */
import { z } from 'zod'
import { fleetField, objectField, operationField, timeField } from './fields.ts'

export const RESULTS = ['done', 'failed', 'refused', 'unknown'] as const

export const outcomeSchema = z.strictObject({
  type: z.literal('muster/outcome/v1'),
  fleet: fleetField,
  operation: operationField,
  verb: z.string().min(1).max(128),
  /** The target of the intent that this outcome is for. */
  target: z.string().max(256),
  result: z.enum(RESULTS),
  detail: objectField,
  at: timeField,
})

export type Outcome = z.infer<typeof outcomeSchema>
