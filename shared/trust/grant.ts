/**
 * A grant: one key gives another key a right, for a time, on some hosts. Only authorize.ts decides
 * what grants allow.
 */
import { z } from 'zod'
import {
  agentField,
  counterField,
  fingerprintField,
  fleetField,
  labelsField,
  timeField,
  uuidField,
  validityFault,
} from './fields.ts'

export const LEVELS = ['observe', 'control'] as const
/** `control` implies `observe`. */
export type Level = (typeof LEVELS)[number]

/** The namespaces that can be granted. `repo` covers `repo/NAME`, and so on. */
export const NAMESPACES = [
  'fleet',
  'repo',
  'snapshot',
  'publish',
  'artifact',
  'facts',
  'run',
  'deploy',
  'audit',
  'policy',
] as const
const NAMESPACE = new RegExp(
  `^(${NAMESPACES.join('|')})(/[A-Za-z0-9][A-Za-z0-9._:@+=,-]{0,199}){0,4}$`,
)
export const namespaceField = z
  .string()
  .regex(NAMESPACE, `expected one of ${NAMESPACES.join(', ')}, or one of them with /NAME`)

/**
 * The maximum number of delegations. Longer chains aren't useful and make rights hard to explain.
 */
export const MAX_DELEGATIONS = 3
/** The maximum number of host ids in one selector. Labels can select more hosts. */
const MAX_AGENTS = 512

/** Selects all hosts, or the listed ones and those that have every label. */
export const selectorSchema = z
  .strictObject({
    agents: z.array(agentField).min(1).max(MAX_AGENTS).optional(),
    labels: labelsField
      .refine((labels) => Object.keys(labels).length > 0, 'expected at least one label')
      .optional(),
    all: z.literal(true).optional(),
  })
  .refine(
    (selector) =>
      (selector.all === true) !== (selector.agents !== undefined || selector.labels !== undefined),
    'expected either all, or agents and labels',
  )
export type Selector = z.infer<typeof selectorSchema>

export const grantSchema = z
  .strictObject({
    type: z.literal('muster/grant/v1'),
    fleet: fleetField,
    id: uuidField,
    /**
     * The signer. It is an operator of the root if `parent` is null, otherwise the subject of the
     * parent.
     */
    issuer: fingerprintField,
    subject: fingerprintField,
    namespace: namespaceField,
    level: z.enum(LEVELS),
    selector: selectorSchema,
    notBefore: timeField,
    notAfter: timeField,
    /** The number of times that the subject may delegate the right. 0 for none. */
    depth: z.int().min(0).max(MAX_DELEGATIONS),
    parent: uuidField.nullable(),
    /** The newest revocation epoch of the fleet that the issuer had. */
    epoch: counterField,
  })
  .superRefine((grant, context) => {
    const fault = validityFault(grant.notBefore, grant.notAfter)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['notAfter'] })
  })

export type Grant = z.infer<typeof grantSchema>
