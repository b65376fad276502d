/** Builds an agent's node, its link to a coordinator, and the check of its disk. */
import { hostname } from 'node:os'
import { nodeError } from '../../node/ground/errors.ts'
import { createNodePolicy } from '../../node/membership/policy.ts'
import { buildNode, type BuiltNode } from '../../node/node.ts'
import type { Capability } from '../../protocols/capability.ts'
import type { Policy } from '../../protocols/rpc/peer.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config/schema.ts'
import type { Logger } from '../../shared/logger.ts'
import { VERSION } from '../../shared/version.ts'
import { type Health, watchHealth } from '../home/health.ts'
import { createAgentCredentials } from '../membership/agent-credentials.ts'
import { createLink, type Link } from '../membership/link.ts'
import type { AgentDeps, Stores } from './stores.ts'

export interface Network {
  readonly node: BuiltNode
  readonly health: Health
  readonly link: Link
  readonly serving: { readonly policy: Policy; readonly clock: Clock; readonly log: Logger }
  /** Opens a stream to the coordinator. @throws node.not-connected */
  openCoordinator(protocolId: string, signal: AbortSignal): Promise<Duplex>
}

export async function composeNetwork(
  deps: AgentDeps & { readonly stores: Stores },
  config: Config,
  scope: AsyncDisposableStack,
): Promise<Network> {
  const { clock, random, log, stores } = deps
  const { identity, key, trust } = stores
  const node = await buildNode(deps, {
    key,
    listen: config.listen,
    fleet: identity.fleet,
    version: VERSION,
    // Called only for greetings, which begin after the node listens.
    trouble: () => health.trouble(),
    credentials: createAgentCredentials({ ...deps, trust }),
  })
  // The greeting sends the change to the peers.
  const health = watchHealth(deps, {
    folders: [stores.home, stores.pool.folder],
    changed: () => void node.reintroduce(),
  })
  scope.defer(() => health.close())
  const link = createLink(
    { node, trust, clock, random, log, onStorageFailure: health.look },
    {
      identity,
      claims: { hostname: hostname() },
      instance: Buffer.from(random.bytes(16)).toString('hex'),
    },
  )
  return {
    node,
    health,
    link,
    serving: { policy: agentPolicy(), clock, log },
    openCoordinator: async (protocolId, signal) => {
      const coordinator = link.coordinator()
      if (coordinator === undefined)
        throw nodeError('node.not-connected', { peer: 'any coordinator' })
      return node.open(coordinator, protocolId, signal)
    },
  }
}

/**
 * Returns the policy of an agent, which serves members and its own socket. Only a coordinator may
 * send intents. The agent checks the proofs of each intent and does not trust the sender.
 */
function agentPolicy(): Policy {
  const coordinator: Capability = { kind: 'member', roles: ['coordinator'] }
  const members = createNodePolicy()
  return {
    allow: (capability, peer, ask) =>
      members.allow(capability.kind === 'intent' ? coordinator : capability, peer, ask),
  }
}
