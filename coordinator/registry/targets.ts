/**
 * Returns the targets of a request, which the policy then authorises. A caller that may see every
 * host gets an error that no host matches. Other callers get the same refusal, whether a host
 * matches or not (PC-27).
 */
import type { Target } from '../../protocols/rpc/peer.ts'
import type { AgentRecord, Agents } from './agents.ts'
import { registryError } from './errors.ts'
import { targetsWithoutHosts } from './selector.ts'

export const targetOf = ({ id, labels }: Pick<AgentRecord, 'id' | 'labels'>): Target => ({
  agent: id,
  labels,
})

/** Returns the host that the caller named. */
export async function namedTarget(agents: Pick<Agents, 'find'>, host: string): Promise<Target[]> {
  try {
    return [targetOf(await agents.find(host))]
  } catch (error) {
    if (registryError.is(error)) return [{}]
    throw error
  }
}

/** Returns the hosts that `select` finds for the selectors. */
export async function selectedTargets(
  selectors: readonly string[],
  select: (selectors: readonly string[]) => Promise<readonly AgentRecord[]>,
): Promise<Target[]> {
  try {
    return (await select(selectors)).map(targetOf)
  } catch (error) {
    if (registryError.is(error)) return targetsWithoutHosts(selectors)
    throw error
  }
}
