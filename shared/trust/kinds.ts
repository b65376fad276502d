/**
 * Declares the kinds of signed statements. Each has a type (inside the signed bytes), a schema, one
 * signature scheme, and a rule for its author. A statement of one kind is never valid as another.
 */
import type { z } from 'zod'
import type { SshsigNamespace } from '../identity/sshsig.ts'
import type { Fingerprint, FleetId } from '../ids.ts'
import { certificateSchema } from './certificate.ts'
import { collectionSchema } from './collection-statement.ts'
import { factsSchema } from './facts-statement.ts'
import { grantSchema } from './grant.ts'
import { intentSchema } from './intent.ts'
import { outcomeSchema } from './outcome.ts'
import { revocationSchema } from './revocation.ts'
import { rootSchema } from './root.ts'
import { sessionSchema } from './session.ts'
import { trustEventSchema } from './trust-event.ts'

/**
 * `sshsig`: an operator's SSH key signs. `dsse`: a node key or an issuing key signs DSSE-PAE(type,
 * bytes).
 */
export type Scheme = 'sshsig' | 'dsse'

const SCHEMAS = {
  root: rootSchema,
  grant: grantSchema,
  revocation: revocationSchema,
  session: sessionSchema,
  intent: intentSchema,
  certificate: certificateSchema,
  outcome: outcomeSchema,
  facts: factsSchema,
  collection: collectionSchema,
  trust: trustEventSchema,
} as const

export type Kind = keyof typeof SCHEMAS
/** The body of a statement of this kind, including its type. */
export type Statement<K extends Kind = Kind> = z.infer<(typeof SCHEMAS)[K]>

interface KindRow<K extends Kind> {
  readonly type: Statement<K>['type']
  readonly scheme: Scheme
  /** For `sshsig` only. */
  readonly namespace?: SshsigNamespace
  /**
   * The field that names the signer. If it is absent, the reader checks the key against known keys
   * (root, certificate, …).
   */
  readonly author?: (body: Statement<K>) => Fingerprint
}

const ROWS: { readonly [K in Kind]: KindRow<K> } = {
  root: { type: 'muster/root/v1', scheme: 'sshsig', namespace: 'muster-root' },
  grant: {
    type: 'muster/grant/v1',
    scheme: 'sshsig',
    namespace: 'muster',
    author: (grant) => grant.issuer,
  },
  revocation: {
    type: 'muster/revocation/v1',
    scheme: 'sshsig',
    namespace: 'muster',
    author: (revocation) => revocation.issuer,
  },
  session: {
    type: 'muster/session/v1',
    scheme: 'sshsig',
    namespace: 'muster',
    author: (session) => session.actor,
  },
  intent: {
    type: 'muster/intent/v1',
    scheme: 'sshsig',
    namespace: 'muster',
    author: (intent) => intent.actor,
  },
  certificate: { type: 'muster/certificate/v1', scheme: 'dsse' },
  outcome: { type: 'muster/outcome/v1', scheme: 'dsse' },
  facts: { type: 'muster/facts/v1', scheme: 'dsse' },
  collection: { type: 'muster/collection/v1', scheme: 'dsse' },
  trust: { type: 'muster/trust/v1', scheme: 'dsse' },
}

export const KINDS = Object.keys(ROWS) as readonly Kind[]

export function kindRow<K extends Kind>(
  kind: K,
): KindRow<K> & { readonly schema: z.ZodType<Statement<K>> } {
  // Forced: TypeScript doesn't relate an entry of the table to its key.
  return { ...ROWS[kind], schema: SCHEMAS[kind] as unknown as z.ZodType<Statement<K>> }
}

/** Returns the kind of a statement's `type`. Undefined for a type of another version or program. */
export function kindOfType(type: string): Kind | undefined {
  return KINDS.find((kind) => ROWS[kind].type === type)
}

/** Every statement contains its fleet. */
export type AnyStatement = Statement & { readonly fleet: FleetId }
