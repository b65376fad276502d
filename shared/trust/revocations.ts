/**
 * What has been revoked in a fleet. The state only grows: an old list changes nothing, a second
 * statement with a known epoch is an alarm, and an epoch far ahead is refused, or one forged number
 * would make every later revocation look old.
 */
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
   * True if an operator of the root said so: it then holds for everything. Else it holds for grants
   * that its issuer passed on.
   */
  readonly byOperator: boolean
  /** SHA-256 of the statement bytes. */
  readonly digest: Sha256
}

export interface RevocationState {
  /** The highest epoch known; 0 before the first revocation. */
  readonly epoch: number
  /** What holds, in order of epoch. */
  readonly accepted: readonly AcceptedRevocation[]
  /**
   * Everything genuine, in order of epoch: also what doesn't hold as far as is known, because its
   * issuer's key had been revoked before.
   */
  readonly known: readonly AcceptedRevocation[]
}

export const NOTHING_REVOKED: RevocationState = { epoch: 0, accepted: [], known: [] }

/**
 * How far ahead of what is known an epoch may be. Gossip may overtake a pull by some; a fleet that
 * revokes more at once pulls in order.
 */
export const MAX_EPOCH_JUMP = 1024

/**
 * Takes a revocation in. Statements may arrive in any order: what holds in the end is what would
 * hold had they come by epoch. Until none is missing, one may be known and not hold, or hold and
 * later not.
 * @param former operators of earlier root versions (RootState.former). What they revoked stays
 * revoked when they are replaced; so one who
 *   may no longer revoke at all has their key revoked, too.
 * @returns the same state if the statement is known already
 * @throws trust.equivocation, trust.epoch, trust.revoker, trust.revoked, and whatever
 * {@link readSigned} throws
 */
export function acceptRevocation(
  state: RevocationState,
  root: Root,
  signed: Signed,
  former: Iterable<Fingerprint> = [],
): RevocationState {
  const revocation = readSigned(signed, 'revocation', { fleet: root.fleet })
  const digest = createHash('sha256').update(signed.statement).digest('hex') as Sha256
  const twin = state.known.find((item) => item.revocation.epoch === revocation.epoch)
  if (twin?.digest === digest) return state
  // First of all: else a number that anybody may write down would stand in the way of the genuine
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

/** Leaves out what was said by a key after that key had itself been revoked. */
function settle(known: readonly AcceptedRevocation[]): readonly AcceptedRevocation[] {
  const revokedKeys = new Set<string>()
  return known.filter(({ revocation }) => {
    if (revokedKeys.has(revocation.issuer)) return false
    if (revocation.kind === 'key') revokedKeys.add(revocation.target)
    return true
  })
}

/**
 * True if the key that said it was revoked before, by what stands for good: with every epoch up to
 * there known, nothing can come that voids it. A thief of a revoked key takes no epochs with it
 * then. Before that the statement is kept: what voids it may itself turn out void.
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

/** The epochs up to the highest known one that have not arrived yet: what to pull. */
export function missingEpochs(state: RevocationState): readonly number[] {
  const present = new Set(state.known.map((item) => item.revocation.epoch))
  return Array.from({ length: state.epoch }, (_, i) => i + 1).filter((epoch) => !present.has(epoch))
}

/** Every revocation up to this epoch is known. */
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
