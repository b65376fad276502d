/**
 * Starts everything that an agent serves: the protocols of its node, the gateway and the socket of
 * the home. Handlers are registered before the node listens.
 */
import { type Content, createContent } from '../../node/content/content.ts'
import { localHandlers } from '../../node/content/local.ts'
import { createPoolCheck, healFromNodes } from '../../node/content/pool-check.ts'
import { command } from '../../protocols/command/protocol.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { output } from '../../protocols/output/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import type { StartGate } from '../../protocols/rpc/starting.ts'
import type { Config } from '../../shared/config/schema.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { createCatalog } from '../gateway/catalog.ts'
import { createGateway } from '../gateway/gateway.ts'
import { commandHandlers } from '../handlers/command.ts'
import { factsHandlers } from '../handlers/facts.ts'
import { outputHandlers } from '../handlers/output.ts'
import { followTrust } from '../membership/trust-follower.ts'
import type { Network } from './network.ts'
import type { Reporting } from './reporting.ts'
import type { AgentDeps, Stores } from './stores.ts'

export interface Surfaces {
  readonly content: Content
  /** The URL of the gateway. */
  readonly gateway: string
}

type All = AgentDeps & {
  readonly stores: Stores
  readonly network: Network
  readonly reporting: Reporting
}

/** @param working aborts when the agent ends */
export async function composeSurfaces(
  deps: All,
  options: { readonly config: Pick<Config, 'gateway'>; readonly gate: StartGate },
  working: AbortSignal,
  scope: AsyncDisposableStack,
): Promise<Surfaces> {
  const { clock, random, log, stores, network, reporting } = deps
  const { node, link, serving } = network
  const { identity, trust, pool } = stores
  await registerProtocols(deps)
  await node.listen()
  scope.defer(() => node.close())
  // Revocations also arrive with intents. A revoked peer stops being a member at once, without a
  // wait for its next greeting (ID-24).
  scope.defer(trust.onChange(() => node.recheck()))
  const content = await createContent(
    { node, pool, clock, random, log, policy: serving.policy },
    {
      tracker: false,
      coordinators: () => [link.coordinator()].filter((peer) => peer !== undefined),
    },
  )
  scope.defer(() => content.close())
  const catalog = createCatalog({ clock, open: network.openCoordinator })
  const { listen } = options.config.gateway
  const gateway = await createGateway({ catalog, content, clock, log }, { listen })
  scope.defer(() => gateway.close())
  // Callers are disconnected before the parts that they use are closed.
  scope.defer(stores.closeSocket)
  const { coordinator, pull } = link
  const { fleet, name } = identity
  const { look: onStorageFailure } = network.health
  scope.defer(
    followTrust({ node, trust, clock, log, fleet, coordinator, pull, onStorageFailure }, working),
  )
  const reportFacts = reporting.begin(working, scope)
  const checkPool = createPoolCheck({ pool, clock, random, heal: healFromNodes(content, 'fleet') })
  const local = localHandlers(
    { content, pool, checkPool },
    {
      role: 'agent',
      name,
      peerId: node.peerId,
      gateway: gateway.url,
      coordinator,
      repositories: async (signal) =>
        (await catalog.repositories(signal)).map(({ snapshots: _, ...each }) => each),
      reportFacts,
    },
  )
  options.gate.open(serveProtocol(localProtocol, local, serving))
  return { content, gateway: gateway.url }
}

async function registerProtocols(deps: All): Promise<void> {
  const { clock, log, stores, network, reporting } = deps
  const { trust, runner, key, intents: journal } = stores
  const { fleet, id: agent } = stores.identity
  const { node, serving } = network
  const labels = (): Readonly<Record<string, string>> => {
    const certificate = trust.certificate()
    return certificate === undefined ? {} : readSigned(certificate, 'certificate').labels
  }
  const { look: onStorageFailure } = network.health
  const commands = commandHandlers({
    trust,
    clock,
    fleet,
    agent,
    labels,
    journal,
    runner,
    key,
    log,
    onStorageFailure,
  })
  const factHandlers = factsHandlers({ journal: stores.facts, report: reporting.report })
  await node.handle(command, serveProtocol(command, commands, serving))
  await node.handle(output, serveProtocol(output, outputHandlers({ runner }), serving))
  await node.handle(facts, serveProtocol(facts, factHandlers, serving))
}
