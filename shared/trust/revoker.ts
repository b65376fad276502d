/**
 * Checks the right to revoke. An operator of the root may revoke anything. The issuer of a grant
 * may revoke the grants below it, with the chain as proof. Coordinators and hosts check this before
 * they accept a revocation's epoch.
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
 * Returns the right by which the issuer revokes.
 * @param former operators of earlier root versions (RootState.former)
 * @throws trust.revoker, and the errors of {@link readSigned} for an invalid chain
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
      `only an operator of the fleet may revoke ${revocation.kind === 'key' ? 'keys' : 'hosts'}`,
    )
  const chain = (revocation.chain ?? []).map((text) =>
    readSigned(fromText(text), 'grant', { fleet: root.fleet }),
  )
  const leads =
    chain.at(-1)?.id === revocation.target &&
    chain.every((grant, i) => isLink(grant, chain[i - 1], operators))
  // Each issuer above a grant may revoke it, as in authorize.ts. The validity times of the grants
  // don't matter here.
  if (!leads || !chain.some((grant) => grant.issuer === revocation.issuer))
    throw denied(
      revocation,
      'only an operator of the fleet or an issuer above a grant may revoke it',
    )
  return 'issuer'
}

function denied({ issuer, kind, target }: Revocation, reason: string): Error {
  return trustError('trust.revoker', { actor: issuer, kind, target, reason })
}
