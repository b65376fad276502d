/**
 * The link from one grant to the next, apart from their contents: the issuer is an operator or the
 * subject of a grant that allows delegation.
 */
import type { Fingerprint } from '../ids.ts'
import type { Grant } from './grant.ts'

/** True if `grant` is a delegation of `above`; without `above`, if an operator issued it. */
export function isLink(
  grant: Grant,
  above: Grant | undefined,
  operators: ReadonlySet<Fingerprint>,
): boolean {
  if (above === undefined) return grant.parent === null && operators.has(grant.issuer)
  return grant.parent === above.id && grant.issuer === above.subject && grant.depth < above.depth
}

/**
 * True if `grants` contains a chain from an operator down to `grant`. Decreasing depth bounds the
 * search and prevents cycles.
 */
export function leadsToOperator(
  grant: Grant,
  grants: readonly Grant[],
  operators: ReadonlySet<Fingerprint>,
): boolean {
  if (isLink(grant, undefined, operators)) return true
  return grants.some(
    (above) => isLink(grant, above, operators) && leadsToOperator(above, grants, operators),
  )
}
