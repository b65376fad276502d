/**
 * An intent: an operator requests one operation, now. An agent acts only on intents. The arguments
 * can be any JSON object here. The verb's schema checks them where the operation runs.
 */
import { z } from 'zod'
import {
  fingerprintField,
  fleetField,
  objectField,
  operationField,
  timeField,
  validityFault,
} from './fields.ts'
import { namespaceField } from './grant.ts'

/** An older intent is not executed. Agents keep operation ids for this time. */
export const MAX_INTENT_MS = 5 * 60_000
/**
 * The maximum number of targets. More hosts need several intents. A statement of 48 KiB has space
 * for about 400 hosts with their run ids.
 */
const MAX_TARGETS = 1024

/**
 * The command line checks the targets before it signs, because they are words that the operator
 * typed.
 */
export const intentTargets = z.array(z.string().min(1).max(256)).max(MAX_TARGETS)

export const intentSchema = z
  .strictObject({
    type: z.literal('muster/intent/v1'),
    fleet: fleetField,
    /**
     * A UUIDv7 that the operator's command line draws. A retry of the operation has the same bytes.
     */
    operation: operationField,
    actor: fingerprintField,
    /** `area.verb`, such as `run.start`. */
    verb: z
      .string()
      .regex(
        /^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31}){1,2}$/,
        'expected a verb such as run.start',
      ),
    namespace: namespaceField,
    /** Agent ids, or names of repositories, snapshots and so on, as the verb requires. */
    targets: intentTargets,
    arguments: objectField,
    issuedAt: timeField,
    expiresAt: timeField,
  })
  .superRefine((intent, context) => {
    const fault = validityFault(intent.issuedAt, intent.expiresAt, MAX_INTENT_MS)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['expiresAt'] })
    if (new Set(intent.targets).size !== intent.targets.length)
      context.addIssue({ code: 'custom', message: 'expected every target once', path: ['targets'] })
  })

export type Intent = z.infer<typeof intentSchema>
