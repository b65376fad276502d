/**
 * The revocations of a fleet. The state only grows: an old list changes nothing, a second statement
 * with a known epoch is an error, and an epoch far ahead is rejected, because one forged number
 * would make all later revocations look old.
 */
import { sha256Hex } from '../ids.ts'
import { createHash } from 'node:crypto'
import type { Fingerprint, Sha256 } from '../ids.ts'
import { trustError } from './errors.ts'
import type { Revocation } from './revocation.ts'
import { requireRevoker } from './revoker.ts'
import type { Root } from './root.ts'
import { readSigned, type Signed } from './signed.ts'

export interface AcceptedRevocation {
  readonly revocation: Revocation
  /**
   * True if an operator of the root issued it. Then it is valid for everything. Otherwise it is
   * valid for grants that its issuer delegated.
   */
  readonly byOperator: boolean
  /** SHA-256 of the statement bytes. */
  readonly digest: Sha256
}

export interface RevocationState {
  /** The highest known epoch. 0 before the first revocation. */
  readonly epoch: number
  /** The valid revocations, by epoch. */
  readonly accepted: readonly AcceptedRevocation[]
  /**
   * All genuine revocations by epoch. They include void ones, whose issuer's key was revoked
   * before.
   */
  readonly known: readonly AcceptedRevocation[]
}

export const NOTHING_REVOKED: RevocationState = { epoch: 0, accepted: [], known: [] }

/**
 * The number by which an epoch may be ahead of the known one. Gossip may be ahead of a pull by a
 * few. Larger gaps are pulled in order.
 */
export const MAX_EPOCH_JUMP = 1024

/**
 * Adds a revocation. Statements may arrive in any order: the final state is the same as in order of
 * epoch. Until none is missing, a known revocation may become valid or void later.
 * @param former operators of earlier root versions (RootState.former). Their revocations stay valid
 * after they are replaced. An operator who must not revoke any more needs their key revoked too.
 * @returns the same state if the statement is already known
 * @throws trust.equivocation, trust.epoch, trust.revoker, trust.revoked, and the errors of {@link
 * readSigned}
 */
export function acceptRevocation(
  state: RevocationState,
  root: Root,
  signed: Signed,
  former: Iterable<Fingerprint> = [],
): RevocationState {
  const revocation = readSigned(signed, 'revocation', { fleet: root.fleet })
  const digest = sha256Hex.parse(createHash('sha256').update(signed.statement).digest('hex'))
  const twin = state.known.find((item) => item.revocation.epoch === revocation.epoch)
  if (twin?.digest === digest) return state
  // This is checked first. Otherwise an unauthorised statement could use the epoch of a genuine
  // one.
  const byOperator = requireRevoker(revocation, root, former) === 'operator'
  const item = { revocation, byOperator, digest }
  const all = [...state.known.filter((each) => each !== twin), item].sort(
    (a, b) => a.revocation.epoch - b.revocation.epoch,
  )
  const accepted = settle(all)
  const known = all.filter((each) => !isVoidForGood(each, all, accepted))
  if (!known.includes(item))
    throw trustError('trust.revoked', { what: 'the revocation', target: revocation.issuer })
  if (twin !== undefined)
    throw trustError('trust.equivocation', { what: `revocation epoch ${revocation.epoch}` })
  if (revocation.epoch > state.epoch + MAX_EPOCH_JUMP)
    throw trustError('trust.epoch', {
      epoch: revocation.epoch,
      known: state.epoch,
      limit: MAX_EPOCH_JUMP,
    })
  return { epoch: Math.max(state.epoch, revocation.epoch), accepted, known }
}

/** Removes revocations by keys that were revoked before. */
function settle(known: readonly AcceptedRevocation[]): readonly AcceptedRevocation[] {
  const revokedKeys = new Set<string>()
  return known.filter(({ revocation }) => {
    if (revokedKeys.has(revocation.issuer)) return false
    if (revocation.kind === 'key') revokedKeys.add(revocation.target)
    return true
  })
}

/**
 * Returns true if it is certain that the key that signed it was revoked before. This is certain if
 * every epoch up to that revocation is known, because then no later statement can make it void. So
 * a thief of a revoked key can't use up epochs. Until then the statement is kept, because the
 * revocation may become void.
 */
function isVoidForGood(
  item: AcceptedRevocation,
  all: readonly AcceptedRevocation[],
  accepted: readonly AcceptedRevocation[],
): boolean {
  if (accepted.includes(item)) return false
  const by = accepted.find(
    ({ revocation }) => revocation.kind === 'key' && revocation.target === item.revocation.issuer,
  )
  return by !== undefined && all.indexOf(by) === by.revocation.epoch - 1
}

/** Returns the missing epochs up to the highest known one, which must be pulled. */
export function missingEpochs(state: RevocationState): readonly number[] {
  const present = new Set(state.known.map((item) => item.revocation.epoch))
  return Array.from({ length: state.epoch }, (_, i) => i + 1).filter((epoch) => !present.has(epoch))
}

/** Returns the highest epoch up to which every revocation is known. */
export function completeEpoch(state: RevocationState): number {
  const [missing] = missingEpochs(state)
  return missing === undefined ? state.epoch : missing - 1
}

export function isKeyRevoked(accepted: readonly AcceptedRevocation[], key: Fingerprint): boolean {
  return accepted.some(({ revocation }) => revocation.kind === 'key' && revocation.target === key)
}

export function isAgentRevoked(accepted: readonly AcceptedRevocation[], agent: string): boolean {
  return accepted.some(
    ({ revocation }) => revocation.kind === 'agent' && revocation.target === agent,
  )
}
