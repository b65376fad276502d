/**
 * What has been revoked in a fleet. The state only grows: an old list changes nothing, a second statement with a known epoch is an alarm,
 * and an epoch far ahead is refused, or one forged number would make every later revocation look old.
 */
import { createHash } from 'node:crypto'
import { fingerprintOf } from '../identity/fingerprint.ts'
import type { Fingerprint, Sha256 } from '../ids.ts'
import { trustError } from './errors.ts'
import type { Revocation } from './revocation.ts'
import type { Root } from './root.ts'
import { readSigned, type Signed } from './signed.ts'

export interface AcceptedRevocation {
  readonly revocation: Revocation
  /** True if an operator of the root said so: it then holds for everything. Else it holds for grants that its issuer passed on. */
  readonly byOperator: boolean
  /** SHA-256 of the statement bytes. */
  readonly digest: Sha256
}

export interface RevocationState {
  /** The highest epoch accepted; 0 before the first revocation. */
  readonly epoch: number
  /** In order of epoch. Some may be missing while a pull is under way: {@link missingEpochs}. */
  readonly accepted: readonly AcceptedRevocation[]
}

export const NOTHING_REVOKED: RevocationState = { epoch: 0, accepted: [] }

/** How far ahead of what is known an epoch may be. Gossip may overtake a pull by some; a fleet that revokes more at once pulls in order. */
export const MAX_EPOCH_JUMP = 1024

/**
 * Takes a revocation in, checked against the root that holds now (an operator who is replaced later has still revoked).
 * @returns the same state if the statement is known already
 * @throws trust.equivocation, trust.epoch, trust.denied, trust.revoked, and whatever {@link readSigned} throws
 */
export function acceptRevocation(state: RevocationState, root: Root, signed: Signed): RevocationState {
  const revocation = readSigned(signed, 'revocation', { fleet: root.fleet })
  const digest = createHash('sha256').update(signed.statement).digest('hex') as Sha256
  const known = state.accepted.find((item) => item.revocation.epoch === revocation.epoch)
  if (known !== undefined) {
    if (known.digest === digest) return state
    throw trustError('trust.equivocation', { what: `revocation epoch ${revocation.epoch}` })
  }
  if (revocation.epoch > state.epoch + MAX_EPOCH_JUMP)
    throw trustError('trust.epoch', { epoch: revocation.epoch, known: state.epoch, limit: MAX_EPOCH_JUMP })
  if (isKeyRevoked(state.accepted, revocation.issuer))
    throw trustError('trust.revoked', { what: 'the revocation', target: revocation.issuer })
  const byOperator = operatorsOf(root).has(revocation.issuer)
  if (!byOperator && revocation.kind !== 'grant')
    throw trustError('trust.denied', {
      actor: revocation.issuer,
      namespace: 'policy',
      level: 'control',
      reason: `only an operator of the fleet revokes ${revocation.kind === 'key' ? 'keys' : 'agents'}`,
    })
  const accepted = [...state.accepted, { revocation, byOperator, digest }].sort((a, b) => a.revocation.epoch - b.revocation.epoch)
  return { epoch: Math.max(state.epoch, revocation.epoch), accepted }
}

/** The epochs up to the highest known one that have not arrived yet: what to pull. */
export function missingEpochs(state: RevocationState): readonly number[] {
  const present = new Set(state.accepted.map((item) => item.revocation.epoch))
  return Array.from({ length: state.epoch }, (_, i) => i + 1).filter((epoch) => !present.has(epoch))
}

export function isKeyRevoked(accepted: readonly AcceptedRevocation[], key: Fingerprint): boolean {
  return accepted.some(({ revocation }) => revocation.kind === 'key' && revocation.target === key)
}

export function isAgentRevoked(accepted: readonly AcceptedRevocation[], agent: string): boolean {
  return accepted.some(({ revocation }) => revocation.kind === 'agent' && revocation.target === agent)
}

/** The fingerprints of a root's operators. */
export function operatorsOf(root: Root): ReadonlySet<Fingerprint> {
  return new Set(root.operators.map((operator) => fingerprintOf(Buffer.from(operator.key, 'base64'))))
}
