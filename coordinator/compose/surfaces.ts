/**
 * Composes the interfaces of a coordinator: the protocols of its node, its web server and its
 * socket. The control protocol opens after recovery of the operations that a crash left open,
 * except for intents for hosts.
 */
import type { WebServer } from '../../node/http/listen.ts'
import { localHandlers } from '../../node/content/local.ts'
import { audit } from '../../protocols/audit/protocol.ts'
import { catalog } from '../../protocols/catalog/protocol.ts'
import { control } from '../../protocols/control/protocol.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { type Serve, serveProtocol } from '../../protocols/rpc/serve.ts'
import type { Config } from '../../shared/config/schema.ts'
import { watchPresence } from '../fleet/presence.ts'
import { acceptFactGossip } from '../fleet/fact-gossip.ts'
import { auditServiceHandlers } from '../handlers/audit.ts'
import { catalogHandlers } from '../handlers/catalog.ts'
import { controlHandlers } from '../handlers/control/control.ts'
import { enrolHandlers } from '../handlers/enroll.ts'
import { factsServiceHandlers } from '../handlers/facts.ts'
import { createHttpServer } from '../http/server.ts'
import { createSessions } from '../sessions/sessions.ts'
import type { Below, OperationsPart } from './operations.ts'
import type { Gates } from './stores.ts'

/** The coordinator's own certificate is valid for a day. It is renewed after half of that time. */
const RENEW_MS = 12 * 3_600_000

export interface Surfaces {
  readonly http: WebServer
}

interface All extends Below {
  readonly operations: OperationsPart
}

/** @param working aborts when the coordinator ends */
export async function composeSurfaces(
  deps: All,
  options: { readonly config: Pick<Config, 'http'>; readonly gates: Gates },
  working: AbortSignal,
  scope: AsyncDisposableStack,
): Promise<Surfaces> {
  const { clock, log, stores, network, operations } = deps
  const { node } = network
  const { repositories, formats } = deps.repositories
  const { gates } = options
  await registerProtocols(deps, gates)
  await node.listen()
  // The node closes before the parts that its callers use.
  scope.defer(() => node.close())
  const frozen = stores.ledger.frozen()
  // A frozen log accepts no entries. It can still be read, and operations are refused.
  if (frozen !== undefined)
    log.error(
      { error: frozen },
      'the log is frozen, and every operation is refused; see docs/RECOVERY.md',
    )
  else await operations.operations.recover(working, (verb) => !verb.startsWith('run.'))
  const http = await createHttpServer(
    { clock, log, formats },
    { listen: options.config.http.listen, repositories: () => repositories.all },
  )
  scope.defer(() => http.close())
  gates.control.open(serveControl(deps, http))
  gates.local.open(serveLocal(deps))
  scope.defer(stores.closeSocket)
  followFleet(deps, working, scope)
  return { http }
}

/**
 * Registers the protocols of the node. It must run before the node listens, so that the first peers
 * find all protocols.
 */
async function registerProtocols(deps: All, gates: Gates): Promise<void> {
  const { network } = deps
  const { node, copies, connections, agents, ingest, serving } = network
  const { ledger, enrolment } = deps.operations
  const { isElsewhere } = connections
  const enrol = enrolHandlers({ enrolment, copies, isElsewhere })
  await node.handle(enroll, serveProtocol(enroll, enrol, serving))
  await node.handle(audit, serveProtocol(audit, auditServiceHandlers({ ledger }), serving))
  const factHandlers = factsServiceHandlers({ ingest, store: network.facts, agents })
  await node.handle(facts, serveProtocol(facts, factHandlers, serving))
  await node.handle(catalog, serveProtocol(catalog, catalogHandlers(deps.repositories), serving))
  await node.handle(control, gates.control.serve(deps.stores.identity.name))
}

function serveControl(deps: All, http: WebServer): Serve {
  const { clock, random, stores, network } = deps
  const { node, access, agents, content } = network
  const { database, pool } = stores
  const { fleet, name, root } = stores.identity
  const { peerId } = node
  const handlers = controlHandlers(
    {
      clock,
      database,
      pool,
      access,
      agents,
      content,
      ...deps.repositories,
      ...deps.operations,
      store: network.facts,
      open: node.open,
      connected: network.connections.isConnected,
      copies: network.copies.of,
      clockOffset: (peer) => node.membership.clockOffset(peer),
      trouble: (peer) => node.membership.trouble(peer),
      addresses: () => node.addresses(),
      http: () => http.url,
      sessions: createSessions({ access, clock, random }, { fleet, coordinator: peerId }),
    },
    { fleet, name, peerId, rootDigest: root, startedAt: clock.now(), folders: stores.folders },
  )
  return serveProtocol(control, handlers, network.serving)
}

function serveLocal({ stores, network, repositories }: All): Serve {
  const handlers = localHandlers(
    { content: network.content, pool: stores.pool, checkPool: repositories.checkPool },
    {
      role: 'coordinator',
      name: stores.identity.name,
      peerId: network.node.peerId,
      gateway: null,
      repositories: async () => [],
    },
  )
  return serveProtocol(localProtocol, handlers, network.serving)
}

/** Follows hosts' facts and connections, and renews the coordinator's certificate. */
function followFleet(deps: All, working: AbortSignal, scope: AsyncDisposableStack): void {
  const { clock, log, network } = deps
  const { node, agents, ingest, ownCertificate } = network
  const { witness } = deps.operations.dispatch
  const { settle } = deps.operations.unknownOutcomes
  scope.defer(acceptFactGossip({ node, ingest, log }, working))
  scope.defer(watchPresence({ node, agents, ingest, witness, settle, clock, log }, working))
  scope.defer(
    clock.every(RENEW_MS, () => {
      ownCertificate
        .renew()
        .then(() => node.reintroduce())
        .catch((error: unknown) => log.error({ error }, 'the certificate was not renewed'))
    }),
  )
}
