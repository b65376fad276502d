/**
 * The one place where a grant is checked. Pure: the same state and question give the same answer on
 * the coordinator, on the agent and in an offline audit. Denies unless the actor is an operator of
 * the root, or a chain of grants leads from an operator to the actor and every grant of it, taken
 * alone, covers what is asked: so passing on can only narrow, and a void grant voids all that
 * follow it.
 *
 * The caller has read every grant with readSigned (its signature is good and its issuer made it)
 * and every revocation with acceptRevocation.
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
  /** As the coordinator's log has them; never what the host says of itself. */
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
   * The host it is about. Without one the question is about the fleet, and only grants for all
   * hosts answer it.
   */
  readonly target?: Target
  /**
   * Milliseconds since the epoch: now for whoever acts, the time of the log entry for whoever
   * audits.
   */
  readonly at: number
}

/**
 * Why not, ordered from far off to almost: of several grants, the one that came nearest gives the
 * reason.
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
 * Parents followed for one question. Honest chains need three; whoever floods a fleet with grants
 * of one id is denied, not served slowly.
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
 * The chain that makes `ask` allowed. `on` names for the hint the hosts that it is about.
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

/** Why `grant`, taken alone, does not cover what is asked; undefined if it does. */
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
 * True if an operator or its own issuer took the grant back, or the issuer's key was revoked. Who
 * stands further up counts along the chain.
 */
export function isGrantRevoked(revocations: readonly AcceptedRevocation[], grant: Grant): boolean {
  // Not by the id alone: whoever may pass a right on can give the id of another grant to one of its
  // own, and revoke that.
  const taken = revocations.some(
    ({ revocation, byOperator }) =>
      revocation.kind === 'grant' &&
      revocation.target === grant.id &&
      (byOperator || revocation.issuer === grant.issuer),
  )
  return taken || isKeyRevoked(revocations, grant.issuer)
}

/**
 * The chain from an operator down to `grant`; undefined if none is whole. `grant` itself has been
 * found to cover what is asked.
 */
function chainTo(
  grant: Grant,
  state: TrustState,
  ask: Ask,
  operators: ReadonlySet<Fingerprint>,
  budget: { parents: number },
): readonly Grant[] | undefined {
  if (grant.parent === null) return operators.has(grant.issuer) ? [grant] : undefined
  // Ids are drawn by issuers, so two grants may share one: every candidate is tried, none is
  // trusted for its id.
  for (const { grant: parent } of state.grants) {
    if (parent.id !== grant.parent || parent.subject !== grant.issuer) continue
    if (--budget.parents < 0) return undefined
    // Falling depth bounds the chain and makes a cycle impossible.
    if (parent.depth <= grant.depth || faultOf(parent, state, ask) !== undefined) continue
    const chain = chainTo(parent, state, ask, operators, budget)
    if (chain === undefined) continue
    // Whoever passed a right on may take it back from everybody further down.
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
 * These namespaces are about hosts: what follows them names a host by id or by labels, as
 * `run/role=web`.
 */
const HOST_NAMESPACES: ReadonlySet<string> = new Set(['run', 'deploy', 'facts'])

/** True if a question in this namespace is about hosts, also where it names none. */
export function isAboutHosts(namespace: string): boolean {
  return HOST_NAMESPACES.has(namespace.split('/', 1)[0] as string)
}

/**
 * True if a grant for `granted` reaches what is asked: the same namespace, one below it, or, for
 * namespaces about hosts, the same one narrowed to the target. A question whose own namespace names
 * another host than its target is covered by nothing.
 */
function coversNamespace(granted: string, { namespace, target }: Ask): boolean {
  const below = granted.slice(granted.indexOf('/') + 1)
  const area = namespace.split('/', 1)[0] as string
  const aboutHosts = target !== undefined && isAboutHosts(namespace)
  if (aboutHosts && namespace !== area && !namesHost(namespace.slice(area.length + 1), target))
    return false
  if (namespace === granted || namespace.startsWith(`${granted}/`)) return true
  return aboutHosts && granted.startsWith(`${area}/`) && namesHost(below, target)
}

/** True if `text` is the host's id, or `k=v,…` with every label the host's. */
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
