/**
 * Who may revoke: an operator of the root, anything; who passed a right on, the grants below, with
 * the chain that shows it. Every reader asks this, coordinator and host alike, before a
 * revocation's number counts for anything.
 */
import type { Fingerprint } from '../ids.ts'
import { isLink } from './chain.ts'
import { trustError } from './errors.ts'
import type { Revocation } from './revocation.ts'
import { operatorsOf, type Root } from './root.ts'
import { readSigned } from './signed.ts'
import { fromText } from './transport.ts'

export type Revoker = 'operator' | 'issuer'

/**
 * By what right the revocation's issuer revokes.
 * @param former operators of earlier root versions (RootState.former)
 * @throws trust.revoker, and for a chain that is no chain of signed grants whatever
 * {@link readSigned} throws
 */
export function requireRevoker(
  revocation: Revocation,
  root: Root,
  former: Iterable<Fingerprint>,
): Revoker {
  const operators = new Set([...operatorsOf(root), ...former])
  if (operators.has(revocation.issuer)) return 'operator'
  if (revocation.kind !== 'grant')
    throw denied(
      revocation,
      `only an operator of the fleet revokes ${revocation.kind === 'key' ? 'keys' : 'hosts'}`,
    )
  const chain = (revocation.chain ?? []).map((text) =>
    readSigned(fromText(text), 'grant', { fleet: root.fleet }),
  )
  const leads =
    chain.at(-1)?.id === revocation.target &&
    chain.every((grant, i) => isLink(grant, chain[i - 1], operators))
  // Whoever stands above a grant may take it back: the same rule as in authorize.ts. When the
  // grants end makes no difference here.
  if (!leads || !chain.some((grant) => grant.issuer === revocation.issuer))
    throw denied(
      revocation,
      'only an operator of the fleet, or who passed the right on, takes back a grant',
    )
  return 'issuer'
}

function denied({ issuer, kind, target }: Revocation, reason: string): Error {
  return trustError('trust.revoker', { actor: issuer, kind, target, reason })
}
