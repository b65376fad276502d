/**
 * Selects the hosts that an operator names. A selector is a host's name, its agent id, its key
 * fingerprint, a unique prefix of its name or id, a unique suffix of its id, `k=v[,k=v]`, or `all`.
 * Several selectors select the union of their hosts. The functions are pure: they read only the
 * given rows.
 */
import type { Target } from '../../protocols/rpc/peer.ts'
import { MIN_ID_PREFIX } from '../../shared/host-name.ts'
import { type AgentId, agentId } from '../../shared/ids.ts'
import { matchesId } from '../../shared/short-id.ts'
import { registryError } from './errors.ts'

export interface Selectable {
  readonly id: AgentId
  readonly name: string
  readonly fingerprint: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Returns the only host that `text` selects. @throws registry.unknown-host, registry.ambiguous-host
 */
export function selectHost<T extends Selectable>(agents: readonly T[], text: string): T {
  const named = agents.filter((agent) => agent.name === text || agent.fingerprint === text)
  // An earlier version accepted names that are part of another host's id.
  const known =
    text.length < MIN_ID_PREFIX ? [] : agents.filter((agent) => matchesId(agent.id, text))
  const exact = [...new Set([...named, ...known.filter((agent) => agent.id === text)])]
  const [only, ...more] =
    exact.length > 0 ? [...new Set([...exact, ...known])] : startingWith(agents, known, text)
  if (more.length > 0 && only !== undefined)
    throw registryError('registry.ambiguous-host', {
      host: text,
      candidates: [only, ...more].map((agent) => agent.name),
    })
  if (only === undefined) throw registryError('registry.unknown-host', { host: text })
  return only
}

/** Returns the hosts whose name or id begins with `text`. */
function startingWith<T extends Selectable>(
  agents: readonly T[],
  known: readonly T[],
  text: string,
): T[] {
  const named = text.length < 2 ? [] : agents.filter((agent) => agent.name.startsWith(text))
  return [...new Set([...named, ...known])]
}

/**
 * Returns the hosts that at least one selector selects, in the order of `agents`.
 * @throws registry.unknown-host if a selector matches none
 */
export function selectHosts<T extends Selectable>(
  agents: readonly T[],
  selectors: readonly string[],
): T[] {
  const chosen = new Set<T>()
  for (const selector of selectors) for (const agent of select(agents, selector)) chosen.add(agent)
  return agents.filter((agent) => chosen.has(agent))
}

/**
 * Selects hosts like {@link selectHosts}. A selector of one host also selects a host that is not
 * approved, because an operator approves a host by its name. Labels and `all` select only approved
 * hosts.
 * @throws registry.unknown-host if a selector matches none
 */
export function resolveHosts<T extends Selectable & { readonly status: string }>(
  agents: readonly T[],
  selectors: readonly string[],
): T[] {
  const approved = agents.filter((agent) => agent.status === 'approved')
  const isSet = (text: string): boolean => text === 'all' || text.includes('=')
  const chosen = new Set(
    selectors.flatMap((text) => selectHosts(isSet(text) ? approved : agents, [text])),
  )
  return agents.filter((agent) => chosen.has(agent))
}

function select<T extends Selectable>(agents: readonly T[], selector: string): readonly T[] {
  if (selector === 'all') return agents
  if (!selector.includes('=')) return [selectHost(agents, selector)]
  const wanted = labelsOf(selector)
  const matching = agents.filter((agent) =>
    wanted.every(([key, value]) => Object.hasOwn(agent.labels, key) && agent.labels[key] === value),
  )
  if (matching.length === 0) throw registryError('registry.unknown-host', { host: selector })
  return matching
}

/** Parses the labels of `k=v[,k=v]`. @throws registry.bad-selector */
export function labelsOf(selector: string): (readonly [key: string, value: string])[] {
  return selector.split(',').map((pair) => {
    const [key, value, ...rest] = pair.split('=')
    if (!key || value === undefined || rest.length > 0)
      throw registryError('registry.bad-selector', { selector })
    return [key, value] as const
  })
}

/** An agent id that no host has. */
const NO_HOST = agentId.parse('00000000-0000-4000-8000-000000000000')

/**
 * Returns the targets that a caller must be allowed to see before it may learn that no host
 * matches. They are the hosts with the given labels, or all hosts (PC-27).
 */
export function targetsWithoutHosts(selectors: readonly string[]): Target[] {
  return selectors.map((selector) => {
    if (!selector.includes('=')) return {}
    try {
      return { agent: NO_HOST, labels: Object.fromEntries(labelsOf(selector)) }
    } catch (error) {
      if (registryError.is(error)) return {}
      throw error
    }
  })
}
