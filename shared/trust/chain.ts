/**
 * How one grant follows from another, apart from what they cover: an operator gives it, or who
 * holds one that may be passed on.
 */
import type { Fingerprint } from '../ids.ts'
import type { Grant } from './grant.ts'

/** True if `grant` passes on `above`; without one, if an operator gave it. */
export function isLink(
  grant: Grant,
  above: Grant | undefined,
  operators: ReadonlySet<Fingerprint>,
): boolean {
  if (above === undefined) return grant.parent === null && operators.has(grant.issuer)
  return grant.parent === above.id && grant.issuer === above.subject && grant.depth < above.depth
}

/**
 * True if some of `grants` lead from an operator down to `grant`. Falling depth bounds the search,
 * and makes a cycle impossible.
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
