/**
 * A grant: one key gives another a right, for a time, on some hosts. Only authorize.ts decides what
 * grants allow.
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

/**
 * What can be granted. A first part alone covers all namespaces below it: `repo` covers
 * `repo/rhel9-baseos`.
 */
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
 * How often rights may be delegated. Longer chains aren't useful and make rights hard to explain.
 */
export const MAX_DELEGATIONS = 3
/** Host ids in one selector; use labels for more hosts. */
const MAX_AGENTS = 512

/** Which hosts: all, or the listed ones and those that have every label. */
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
    /** The signer: an operator of the root if `parent` is null, else the subject of the parent. */
    issuer: fingerprintField,
    subject: fingerprintField,
    namespace: namespaceField,
    level: z.enum(LEVELS),
    selector: selectorSchema,
    notBefore: timeField,
    notAfter: timeField,
    /** How many times the subject may delegate the right; 0: not at all. */
    depth: z.int().min(0).max(MAX_DELEGATIONS),
    parent: uuidField.nullable(),
    /** The fleet's revocation epoch known to the issuer. */
    epoch: counterField,
  })
  .superRefine((grant, context) => {
    const fault = validityFault(grant.notBefore, grant.notAfter)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['notAfter'] })
  })

export type Grant = z.infer<typeof grantSchema>
