/**
 * The root statement: the fleet's operators, how many of them must sign the next root, and the
 * issuing keys of the coordinators. All rights in a fleet derive from it. Versions form a chain:
 * see root-chain.ts.
 */
import { z } from 'zod'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Fingerprint } from '../ids.ts'
import { fleetField, keyField, nameField, sha256Field } from './fields.ts'

/** The maximum number of keys in a root. A fleet has a few operators and coordinators. */
export const MAX_ROOT_KEYS = 64

const keyRow = z.strictObject({ key: keyField, name: nameField })

export const rootSchema = z
  .strictObject({
    type: z.literal('muster/root/v1'),
    fleet: fleetField,
    /** 1 at `muster init`. Each next root is exactly one higher. */
    version: z.int().min(1),
    /** The number of operators that must sign the next version. */
    threshold: z.int().min(1),
    operators: z.array(keyRow).min(1).max(MAX_ROOT_KEYS),
    /** Keys that sign node certificates, checkpoints and the coordinator's own log statements. */
    issuers: z.array(keyRow).min(1).max(MAX_ROOT_KEYS),
    /** The SHA-256 of the statement bytes of the version before. Null in version 1. */
    previous: sha256Field.nullable(),
  })
  .superRefine((root, context) => {
    const refuse = (message: string, path: string): void =>
      context.addIssue({ code: 'custom', message, path: [path] })
    if (root.threshold > root.operators.length)
      refuse('expected at most the number of operators', 'threshold')
    if ((root.previous === null) !== (root.version === 1))
      refuse('expected null in version 1 and a digest in later ones', 'previous')
    const keys = [...root.operators, ...root.issuers].map((row) => row.key)
    // A key in two roles would let a coordinator sign as an operator. A duplicate would count twice
    // towards the threshold.
    if (new Set(keys).size !== keys.length)
      refuse('expected every key once, as operator or as issuer', 'operators')
  })

export type Root = z.infer<typeof rootSchema>

/** Returns the fingerprints of a root's operators. */
export function operatorsOf(root: Root): ReadonlySet<Fingerprint> {
  return new Set(
    root.operators.map((operator) => fingerprintOf(Buffer.from(operator.key, 'base64'))),
  )
}
