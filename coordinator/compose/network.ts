/**
 * Composes the network parts of a coordinator: the registry, which decides which peers are
 * admitted, the node, and the content that the node shares. The node doesn't listen yet.
 */
import { type Content, createContent } from '../../node/content/content.ts'
import { createNodePolicy } from '../../node/membership/policy.ts'
import { buildNode, type BuiltNode } from '../../node/node.ts'
import type { ServeDeps } from '../../protocols/rpc/serve.ts'
import type { Config } from '../../shared/config/schema.ts'
import { uuidv7Generator } from '../../shared/ids.ts'
import { VERSION } from '../../shared/version.ts'
import { type Connections, createConnections } from '../fleet/connections.ts'
import { createFactStore, type FactStore } from '../inventory/fact-store.ts'
import { createIngest, type Ingest } from '../inventory/ingest.ts'
import { type Access, createAccess } from '../registry/access.ts'
import { type Agents, createAgents } from '../registry/agents.ts'
import { type Certificates, createCertificates } from '../registry/certificates.ts'
import { type CloneDetector, createCloneDetector } from '../registry/clone-detector.ts'
import { openOwnCertificate, type OwnCertificate } from '../registry/own-certificate.ts'
import { openTrustCache, type TrustCache } from '../registry/trust-cache.ts'
import { createPolicy } from '../sessions/policy.ts'
import type { CoordinatorDeps, Stores } from './stores.ts'

/** Enough for a fleet of a few thousand hosts, and within the default limits of a process. */
const MAX_CONNECTIONS = 4096
/**
 * The maximum number of connections without a certificate: from operators, and from hosts that
 * enrol. A rollout enrols many hosts at once, and many operators may watch a run.
 */
const MAX_STRANGERS = 256
/**
 * The number of new connections per second. After a restart, a whole fleet behind one address
 * reconnects within seconds.
 */
const INBOUND_PER_SECOND = 200

export interface Network {
  readonly access: Access
  readonly agents: Agents
  readonly certificates: Certificates
  readonly ownCertificate: OwnCertificate
  readonly trust: TrustCache
  readonly node: BuiltNode
  readonly connections: Connections
  readonly content: Content
  readonly copies: CloneDetector
  readonly facts: FactStore
  readonly ingest: Ingest
  /** The dependencies of the server of each protocol. */
  readonly serving: ServeDeps
}

export async function composeNetwork(
  deps: CoordinatorDeps & { readonly stores: Stores },
  config: Pick<Config, 'listen'>,
  scope: AsyncDisposableStack,
): Promise<Network> {
  const { clock, random, log, stores } = deps
  const { identity, database, issuer, nodeKey, pool } = stores
  const { fleet, name } = identity
  const access = createAccess({ database }, { fleet, rootDigest: identity.root })
  const agents = createAgents({ database })
  const certificates = createCertificates(
    { issuer, clock, newId: uuidv7Generator(deps) },
    { fleet },
  )
  const ownCertificate = await openOwnCertificate(
    { certificates },
    { publicKey: nodeKey.publicKey, name },
  )
  const trust = await openTrustCache({ access, agents, clock, log })
  scope.defer(() => trust.close())
  const node = await buildNode(deps, {
    key: nodeKey,
    listen: config.listen,
    fleet,
    version: VERSION,
    credentials: { own: ownCertificate.current, check: (other) => trust.check(other) },
    maxConnections: MAX_CONNECTIONS,
    maxStrangers: MAX_STRANGERS,
    inboundPerSecond: INBOUND_PER_SECOND,
    expected: (peer) => trust.approved(peer),
  })
  scope.defer(() => node.close())
  scope.defer(trust.onChanged(() => node.recheck()))
  const policy = createNodePolicy({ operators: createPolicy({ access, clock }) })
  const content = await createContent(
    { node, pool, clock, random, log, policy },
    { tracker: true, hosts: () => trust.hosts(), coordinators: () => [] },
  )
  scope.defer(() => content.close())
  const connections = createConnections({ node, agents, log })
  const copies = createCloneDetector({ clock, log, disconnect: connections.disconnect })
  scope.defer(() => copies.close())
  const facts = createFactStore({ database })
  const ingest = createIngest(
    { database, store: facts, agents, clock, log, open: node.open },
    { fleet },
  )
  scope.defer(() => ingest.close())
  const serving = { policy, clock, log }
  const registry = { access, agents, certificates, ownCertificate, trust }
  return { ...registry, node, connections, content, copies, facts, ingest, serving }
}
