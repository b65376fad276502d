/**
 * A session delegation: an operator allows an ephemeral key to open sessions with one coordinator
 * for some hours. It allows nothing else. Every operation that changes something needs an intent
 * that the operator's key signed.
 */
import { z } from 'zod'
import {
  fingerprintField,
  fleetField,
  keyField,
  peerIdField,
  timeField,
  validityFault,
} from './fields.ts'

/** A working day. It limits the time in which a thief of a laptop can use the session. */
export const MAX_SESSION_MS = 12 * 3_600_000

export const sessionSchema = z
  .strictObject({
    type: z.literal('muster/session/v1'),
    fleet: fleetField,
    /** The ephemeral ed25519 public key. */
    key: keyField,
    actor: fingerprintField,
    /** The peer id of the only coordinator that may accept it. */
    coordinator: peerIdField,
    notBefore: timeField,
    notAfter: timeField,
  })
  .superRefine((session, context) => {
    const fault = validityFault(session.notBefore, session.notAfter, MAX_SESSION_MS)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', message: fault, path: ['notAfter'] })
  })

export type Session = z.infer<typeof sessionSchema>
