/**
 * Checks grants. Only this module does so, without side effects: the coordinator, the agent and an
 * offline audit get the same decision from the same state. A request is allowed if the actor is an
 * operator of the root. It is also allowed if a chain of grants leads from an operator to the actor
 * and each of its grants covers the request. So a delegation can only narrow rights, and a void
 * grant makes all grants below it void.
 *
 * The caller must have read every grant with readSigned (valid signature, matching issuer) and
 * every revocation with acceptRevocation.
 */
import { parseRfc3339 } from '../clock.ts'
import type { AgentId, Fingerprint } from '../ids.ts'
import { CLOCK_SKEW_MS } from './credentials.ts'
import { trustError } from './errors.ts'
import type { Grant, Level } from './grant.ts'
import { type AcceptedRevocation, isKeyRevoked } from './revocations.ts'
import { operatorsOf, type Root } from './root.ts'

export interface Target {
  readonly agent: AgentId
  /** The labels in the coordinator's log, never the host's own claims. */
  readonly labels: Readonly<Record<string, string>>
}

export interface TrustState {
  readonly root: Root
  readonly grants: readonly { readonly grant: Grant }[]
  readonly revocations: readonly AcceptedRevocation[]
}

export interface Ask {
  readonly actor: Fingerprint
  readonly namespace: string
  readonly level: Level
  /**
   * The target host. If it is absent, the request is for the fleet, and only grants for all hosts
   * cover it.
   */
  readonly target?: Target
  /**
   * Milliseconds since the epoch. To act, the current time. To audit, the time of the log entry.
   */
  readonly at: number
}

/**
 * The reasons for a denial, ordered by closeness to success. If there are several grants, the
 * reason is that of the closest one.
 */
export const DENY_REASONS = [
  'its key was revoked',
  'no grant names it',
  'no grant covers this namespace',
  'its grant allows only to observe',
  'its grant does not cover this host',
  'its grant covers only some hosts',
  'its grant is not valid yet',
  'its grant has expired',
  'its grant was revoked',
  'its grant does not lead to an operator of the fleet',
] as const
export type DenyReason = (typeof DENY_REASONS)[number]

export type Decision =
  | {
      readonly allowed: true /** From the operator's grant to the actor's; empty for an operator. */
      readonly chain: readonly Grant[]
    }
  | { readonly allowed: false; readonly reason: DenyReason }

/**
 * The maximum number of parents that one check follows. Valid chains need three. The limit stops a
 * flood of grants with one id.
 */
const MAX_PARENTS = 256

export function authorize(state: TrustState, ask: Ask): Decision {
  if (isKeyRevoked(state.revocations, ask.actor))
    return { allowed: false, reason: 'its key was revoked' }
  const operators = operatorsOf(state.root)
  if (operators.has(ask.actor)) return { allowed: true, chain: [] }

  const budget = { parents: MAX_PARENTS }
  let nearest: DenyReason = 'no grant names it'
  for (const { grant } of state.grants) {
    if (grant.subject !== ask.actor) continue
    const fault = faultOf(grant, state, ask)
    if (fault === undefined) {
      const chain = chainTo(grant, state, ask, operators, budget)
      if (chain !== undefined) return { allowed: true, chain }
    }
    const reason = fault ?? 'its grant does not lead to an operator of the fleet'
    if (DENY_REASONS.indexOf(reason) > DENY_REASONS.indexOf(nearest)) nearest = reason
  }
  return { allowed: false, reason: nearest }
}

/**
 * Returns the chain that allows `ask`. `on` names the target hosts for the hint.
 * @throws trust.denied
 */
export function requireRight(state: TrustState, ask: Ask, on = ''): readonly Grant[] {
  const decision = authorize(state, ask)
  if (decision.allowed) return decision.chain
  throw trustError('trust.denied', {
    actor: ask.actor,
    namespace: ask.namespace,
    level: ask.level,
    reason: decision.reason,
    on,
  })
}

/** Returns the reason why `grant` alone does not cover the request. Undefined if it does. */
function faultOf(grant: Grant, state: TrustState, ask: Ask): DenyReason | undefined {
  if (grant.fleet !== state.root.fleet) return 'no grant names it'
  if (!coversNamespace(grant.namespace, ask)) return 'no grant covers this namespace'
  if (ask.level === 'control' && grant.level !== 'control')
    return 'its grant allows only to observe'
  if (grant.selector.all !== true) {
    if (ask.target === undefined) return 'its grant covers only some hosts'
    if (!coversTarget(grant, ask.target)) return 'its grant does not cover this host'
  }
  if (ask.at < parseRfc3339(grant.notBefore) - CLOCK_SKEW_MS) return 'its grant is not valid yet'
  if (!(ask.at < parseRfc3339(grant.notAfter))) return 'its grant has expired'
  return isGrantRevoked(state.revocations, grant) ? 'its grant was revoked' : undefined
}

/**
 * Returns true if an operator or the grant's issuer revoked it, or if the issuer's key was revoked.
 * The other issuers of the chain are checked separately.
 */
export function isGrantRevoked(revocations: readonly AcceptedRevocation[], grant: Grant): boolean {
  // The id alone isn't enough, because a delegate could issue a grant with another grant's id and
  // then revoke it.
  const taken = revocations.some(
    ({ revocation, byOperator }) =>
      revocation.kind === 'grant' &&
      revocation.target === grant.id &&
      (byOperator || revocation.issuer === grant.issuer),
  )
  return taken || isKeyRevoked(revocations, grant.issuer)
}

/**
 * Returns the chain from an operator down to `grant`. Undefined if none is complete. The caller has
 * checked that `grant` covers the request.
 */
function chainTo(
  grant: Grant,
  state: TrustState,
  ask: Ask,
  operators: ReadonlySet<Fingerprint>,
  budget: { parents: number },
): readonly Grant[] | undefined {
  if (grant.parent === null) return operators.has(grant.issuer) ? [grant] : undefined
  // Issuers choose ids, so two grants may have the same id. Every candidate is tried, because the
  // id proves nothing.
  for (const { grant: parent } of state.grants) {
    if (parent.id !== grant.parent || parent.subject !== grant.issuer) continue
    if (--budget.parents < 0) return undefined
    // The decreasing depth limits the chain and prevents cycles.
    if (parent.depth <= grant.depth || faultOf(parent, state, ask) !== undefined) continue
    const chain = chainTo(parent, state, ask, operators, budget)
    if (chain === undefined) continue
    // Each issuer in the chain may revoke the grants below.
    const issuers = chain.map((link) => link.issuer)
    const revoked = state.revocations.some(
      ({ revocation }) =>
        revocation.kind === 'grant' &&
        revocation.target === grant.id &&
        issuers.includes(revocation.issuer),
    )
    if (!revoked) return [...chain, grant]
  }
  return undefined
}

/**
 * The namespaces about hosts. Their second part names a host by id or by labels, as in
 * `run/role=web`.
 */
const HOST_NAMESPACES: ReadonlySet<string> = new Set(['run', 'deploy', 'facts'])

/** Returns the part before the first slash. */
function areaOf(namespace: string): string {
  return namespace.split('/', 1)[0] ?? ''
}

/** Returns true if a request in this namespace is about hosts, also if it names none. */
export function isAboutHosts(namespace: string): boolean {
  return HOST_NAMESPACES.has(areaOf(namespace))
}

/**
 * Returns true if a grant for `granted` covers the request: the same namespace or one below it. A
 * namespace about hosts may also be narrowed to the target. If the namespace of a request names
 * another host than its target, the request is never covered.
 */
function coversNamespace(granted: string, { namespace, target }: Ask): boolean {
  const below = granted.slice(granted.indexOf('/') + 1)
  const area = areaOf(namespace)
  const aboutHosts = target !== undefined && isAboutHosts(namespace)
  if (aboutHosts && namespace !== area && !namesHost(namespace.slice(area.length + 1), target))
    return false
  if (namespace === granted || namespace.startsWith(`${granted}/`)) return true
  return aboutHosts && granted.startsWith(`${area}/`) && namesHost(below, target)
}

/** Returns true if `text` is the host's id, or `k=v,…` and the host has all these labels. */
function namesHost(text: string, target: Target): boolean {
  if (text === target.agent) return true
  return text.split(',').every((pair) => {
    const at = pair.indexOf('=')
    return at > 0 && hasLabel(target, pair.slice(0, at), pair.slice(at + 1))
  })
}

function coversTarget(grant: Grant, target: Target): boolean {
  const { agents, labels } = grant.selector
  if (agents?.includes(target.agent) === true) return true
  return (
    labels !== undefined &&
    Object.entries(labels).every(([key, value]) => hasLabel(target, key, value))
  )
}

function hasLabel(target: Target, key: string, value: string): boolean {
  return Object.hasOwn(target.labels, key) && target.labels[key] === value
}
