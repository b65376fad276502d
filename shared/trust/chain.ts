/**
 * Checks the link between two grants, but not their rights. The issuer must be an operator, or the
 * subject of a grant that allows delegation.
 */
import type { Fingerprint } from '../ids.ts'
import type { Grant } from './grant.ts'

/**
 * Returns true if `grant` is a delegation of `above`. If `above` is undefined, returns true if an
 * operator issued `grant`.
 */
export function isLink(
  grant: Grant,
  above: Grant | undefined,
  operators: ReadonlySet<Fingerprint>,
): boolean {
  if (above === undefined) return grant.parent === null && operators.has(grant.issuer)
  return grant.parent === above.id && grant.issuer === above.subject && grant.depth < above.depth
}

/**
 * Returns true if `grants` contains a chain from an operator down to `grant`. The decreasing depth
 * limits the search and prevents cycles.
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
