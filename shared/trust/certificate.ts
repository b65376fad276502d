/** A node certificate: a coordinator binds a key to a member of the fleet for a day. */
import { z } from 'zod'
import {
  agentField,
  counterField,
  fleetField,
  keyField,
  labelsField,
  nameField,
  timeField,
  validityFault,
} from './fields.ts'

export const ROLES = ['coordinator', 'agent', 'observer'] as const
export type Role = (typeof ROLES)[number]

/**
 * 24 hours, plus tolerance for hosts whose clocks are behind. After this time, a revoked node isn't
 * trusted any more by nodes that did not get the revocation.
 */
export const MAX_CERTIFICATE_MS = 25 * 3_600_000

export const certificateSchema = z
  .strictObject({
    type: z.literal('muster/certificate/v1'),
    fleet: fleetField,
    serial: z.string().regex(/^[0-9A-Za-z-]{1,64}$/, 'expected a serial of letters, digits and -'),
    /** The node's ed25519 public key, which is its peer id. */
    subject: keyField,
    role: z.enum(ROLES),
    /** The agent's id. Null for the other roles. */
    agent: agentField.nullable(),
    name: nameField,
    /** The host's labels in the coordinator's log, never the host's own claims. */
    labels: labelsField,
    /**
     * Increases at a new enrolment or a label change. A reader that has a higher epoch rejects a
     * lower one.
     */
    epoch: counterField,
    notBefore: timeField,
    notAfter: timeField,
  })
  .superRefine((certificate, context) => {
    const fault = validityFault(certificate.notBefore, certificate.notAfter, MAX_CERTIFICATE_MS)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['notAfter'] })
    if ((certificate.role === 'agent') !== (certificate.agent !== null))
      context.addIssue({
        code: 'custom',
        message: 'expected an agent id for the role agent and null for every other',
        path: ['agent'],
      })
  })

export type Certificate = z.infer<typeof certificateSchema>
