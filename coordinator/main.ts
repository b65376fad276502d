/**
 * A coordinator, composed by hand. One file because what each part needs is in its line here.
 * Everything that is acquired is released in reverse order, whether the coordinator ends well or
 * fails half-way up. Nothing is served before what a crash left open was closed.
 */
import { join } from 'node:path'
import { createContent } from '../node/content.ts'
import { localHandlers } from '../node/local.ts'
import { createNode, type MusterNode } from '../node/node.ts'
import { createNodePolicy } from '../node/membership/policy.ts'
import { audit } from '../protocols/audit/protocol.ts'
import { catalog } from '../protocols/catalog/protocol.ts'
import { control } from '../protocols/control/protocol.ts'
import type { Handlers, Protocol } from '../protocols/rpc/define-protocol.ts'
import { enroll } from '../protocols/enroll/protocol.ts'
import { facts } from '../protocols/facts/protocol.ts'
import { localProtocol } from '../protocols/local/protocol.ts'
import { type Serve, serveProtocol } from '../protocols/rpc/serve.ts'
import { serveSocket } from '../protocols/rpc/socket.ts'
import { serveWhenStarted } from '../protocols/rpc/starting.ts'
import { openPool } from '../shared/blobs/pool.ts'
import type { Clock } from '../shared/clock.ts'
import { configError } from '../shared/config/errors.ts'
import type { Config } from '../shared/config/schema.ts'
import { coordinatorPaths } from '../shared/home.ts'
import { loadKeyFile } from '../shared/identity/key-file.ts'
import { uuidv7Generator } from '../shared/ids.ts'
import { untilAborted } from '../shared/interrupt.ts'
import type { Logger } from '../shared/logger.ts'
import type { Random } from '../shared/random.ts'
import { GIB } from '../shared/units.ts'
import { VERSION } from '../shared/version.ts'
import type { Signed } from '../shared/trust/signed.ts'
import { openLedger } from './audit/ledger.ts'
import { auditServiceHandlers } from './handlers/audit.ts'
import { catalogHandlers } from './handlers/catalog.ts'
import { coordinatorHealer, lateHealer } from './repositories/content/healing.ts'
import { coordinatorPoolCheck } from './repositories/content/pool-check.ts'
import { controlHandlers } from './handlers/control/control.ts'
import { openDatabase } from './database/database.ts'
import { migrate } from './database/migrate.ts'
import { createDispatch } from './dispatch/dispatch.ts'
import { createRuns } from './dispatch/runs.ts'
import { createUnknownOutcomes } from './verbs/unknown-outcomes.ts'
import { enrolHandlers } from './handlers/enroll.ts'
import { factsServiceHandlers } from './handlers/facts.ts'
import { createHttpServer } from './http/server.ts'
import { readCoordinatorIdentity } from './home/identity.ts'
import { createFactStore } from './inventory/fact-store.ts'
import { createIngest } from './inventory/ingest.ts'
import { watchMembers } from './fleet/members.ts'
import { createMirror } from './repositories/sync/mirror.ts'
import { createAnnouncer, takeFacts } from './fleet/news.ts'
import { createOutcomes } from './operations/outcomes.ts'
import { createOperations } from './operations/perform.ts'
import { artifactVerbs } from './verbs/artifacts.ts'
import { enrolmentVerbs } from './verbs/enrolment.ts'
import { grantVerbs } from './verbs/grants.ts'
import { createRepairs } from './verbs/repairs.ts'
import { repositoryVerbs } from './verbs/repositories.ts'
import { runVerbs } from './verbs/runs.ts'
import { snapshotVerbs } from './verbs/snapshots.ts'
import { knownPublications } from './repositories/publish/known-publications.ts'
import { createLookup } from './repositories/publish/lookup.ts'
import { createPublisher } from './repositories/publish/publisher.ts'
import { createAccess } from './registry/access.ts'
import { createAgents } from './registry/agents.ts'
import { createCertificates } from './registry/certificates.ts'
import { createCloneDetector } from './registry/clone-detector.ts'
import { createEnrolment } from './registry/enrolment.ts'
import { createRepositories } from './repositories/configured.ts'
import { createPolicy } from './sessions/policy.ts'
import { createSessions } from './sessions/sessions.ts'
import { createSnapshots } from './repositories/snapshots/snapshots.ts'
import { openTrustCache } from './registry/trust-cache.ts'

/**
 * Kept free on the pool's volume, so that the database and the log can always be written (CA-10).
 */
const RESERVE_BYTES = 1 * GIB
/** The coordinator's own certificate lives a day; renewed at half-life. */
const RENEW_MS = 12 * 3_600_000
/** Connections: room for a fleet of a few thousand hosts on the default limits of a process. */
const MAX_CONNECTIONS = 4096
/**
 * Of them, those of candidates and operators, who have no certificate: a rollout that enrols many
 * hosts at once, and everybody who watches a run.
 */
const MAX_STRANGERS = 256
/** A whole fleet behind one address comes back within seconds after a restart. */
const INBOUND_PER_SECOND = 200

export interface CoordinatorDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface CoordinatorOptions {
  readonly home: string
  readonly config: Config
  readonly signal: AbortSignal
  /** Called once everything is served. */
  readonly onReady: (ready: { addresses: readonly string[]; http: string }) => void
}

/**
 * Runs until the signal aborts. @throws home.*, database.*, node.listen, http.address-taken,
 * socket.in-use, …
 */
export async function runCoordinator(
  deps: CoordinatorDeps,
  options: CoordinatorOptions,
): Promise<void> {
  const { clock, random, log } = deps
  const { home, config, signal } = options
  const paths = coordinatorPaths(home)
  if (config.unsupported.settings.length > 0)
    throw configError('config.unsupported', { problems: config.unsupported.settings })
  // The others are served and synced all the same.
  for (const problem of config.unsupported.repositories)
    log.warn({ problem }, 'a repository asks for what this version does not do; it is not synced')
  await using stack = new AsyncDisposableStack()
  // Ends background work when this function ends, by signal or by failure.
  const ending = new AbortController()
  stack.defer(() => ending.abort(signal.reason))
  const working = AbortSignal.any([signal, ending.signal])

  const identity = await readCoordinatorIdentity(home)
  const { fleet, name } = identity
  // First of all: a second coordinator on this home must be refused before it repairs what the
  // first one is in the middle of.
  const socketProtocols = new Map<string, Serve>()
  const socket = await serveSocket(
    { clock, log },
    {
      path: paths.socket,
      protocols: socketProtocols,
      isStarting: () => !socketProtocols.has(localProtocol.id),
    },
  )
  let socketClosed: Promise<void> | undefined
  const closeSocket = (): Promise<void> => (socketClosed ??= socket.close())
  stack.defer(closeSocket)
  const [nodeKey, issuer] = [await loadKeyFile(paths.nodeKey), await loadKeyFile(paths.issuingKey)]
  const database = await openDatabase(deps, { url: config.database.url })
  stack.defer(() => database.close())
  // Runs after the node is closed and before the database is: operations that were under way write
  // their outcomes.
  const late = { idle: async (): Promise<void> => undefined }
  stack.defer(() => late.idle())
  const { applied } = await migrate(database)
  if (applied.length > 0) log.info({ applied }, 'database migrated')
  const pool = await openPool(
    { ...deps, log },
    { folder: join(config.storage.base_path, 'pool'), reserveBytes: RESERVE_BYTES },
  )

  const sealed = await openLedger(
    { clock, random, database, signer: issuer },
    { fleet, coordinator: name, folder: paths.log },
  )
  const access = createAccess({ database }, { fleet, rootDigest: identity.root })
  const agents = createAgents({ database })
  const certificates = createCertificates(
    { issuer, clock, newId: uuidv7Generator(deps) },
    { fleet },
  )
  let certificate: Signed = await certificates.forCoordinator({
    publicKey: nodeKey.publicKey,
    name,
  })

  const repositories = createRepositories(config.repositories)
  const healing = lateHealer()
  const upkeep = { database, pool, clock, random, log, healer: healing.healer }
  const mirror = createMirror(upkeep, config.download)
  const publisher = createPublisher(upkeep)
  const snapshots = createSnapshots({ database })
  const repairs = createRepairs({ pool, publisher, database, repositories })
  const lookup = createLookup({ database, clock })
  const store = createFactStore({ database })
  const runs = createRuns({ database })
  await mirror.recover()
  const publications = await knownPublications(database, repositories)
  for (const orphan of publications.orphaned) {
    log.warn({ ...orphan }, 'a published target belongs to no snapshot; withdrawing it')
    await publisher
      .withdraw(orphan, {
        also: (tx) => snapshots.requireAbsent(tx, { ...orphan, name: orphan.target }),
      })
      .catch((error: unknown) => log.error({ error, ...orphan }, 'it could not be withdrawn'))
  }
  await publisher.recover(publications.known, working)

  const trust = await openTrustCache({ access, agents, clock, log, changed: () => node.recheck() })
  stack.defer(() => trust.close())
  const policy = createPolicy({ access, clock })
  const serving = { policy: createNodePolicy({ operators: policy }), clock, log }
  // Registered before the node listens, so that an early peer finds nothing missing.
  const register: { protocol: Protocol; serve: Serve }[] = []
  const serve = <P extends Protocol>(protocol: P, handlers: Handlers<P>): void => {
    register.push({ protocol, serve: serveProtocol(protocol, handlers, serving) })
  }
  const open: MusterNode['open'] = (peerId, protocolId, more) => node.open(peerId, protocolId, more)
  const ingest = createIngest({ database, store, agents, clock, log, open }, { fleet })
  stack.defer(() => ingest.close())
  const announced = {
    checkpoint: (_note: string): void => undefined,
    revocations: (): void => undefined,
  }
  const ledger = {
    ...sealed,
    checkpoint: async (more?: AbortSignal) => {
      const before = sealed.published()?.size
      const made = await sealed.checkpoint(more)
      if (made.size !== before) announced.checkpoint(made.note)
      return made
    },
  }

  const disconnect = (peerId: string): void => {
    node
      .peer(peerId)
      ?.close()
      .catch((error: unknown) =>
        log.warn({ peer: peerId, error }, 'a host was not told to come back'),
      )
  }
  const copies = createCloneDetector({ clock, log, disconnect })
  stack.defer(copies.close)
  const enrolment = createEnrolment(
    { database, ledger, agents, access, certificates, issuer, clock },
    { fleet, name },
  )
  const isElsewhere = (peerId: string, address: string): boolean =>
    (node.peer(peerId)?.address ?? address) !== address
  serve(enroll, enrolHandlers({ enrolment, copies, isElsewhere }))
  serve(audit, auditServiceHandlers({ ledger }))
  serve(facts, factsServiceHandlers({ ingest, store, agents }))
  serve(catalog, catalogHandlers({ lookup, repositories }))
  // Set at the end. The node listens before that, and an operator may come at any moment.
  let ready: Serve | undefined
  register.push({
    protocol: control,
    serve: serveWhenStarted({ clock }, { name, ready: () => ready }),
  })

  const node: MusterNode = await createNode(deps, {
    key: nodeKey,
    listen: config.listen,
    fleet,
    version: VERSION,
    credentials: { own: () => certificate, check: (other) => trust.check(other) },
    maxConnections: MAX_CONNECTIONS,
    maxStrangers: MAX_STRANGERS,
    inboundPerSecond: INBOUND_PER_SECOND,
    expected: (peer) => trust.approved(peer),
    setup: async (made) => {
      for (const { protocol, serve: handler } of register) await made.handle(protocol, handler)
    },
  })
  stack.defer(() => node.close())
  const content = await createContent(
    { node, pool, clock, random, log, policy: serving.policy },
    { tracker: true, hosts: () => trust.hosts(), coordinators: () => [] },
  )
  stack.defer(() => content.close())
  healing.set(coordinatorHealer({ pool, log, content, database, repositories, mirror }))

  const dispatch = createDispatch({
    ledger,
    access,
    agents,
    clock,
    log,
    open,
    copies: copies.of,
    closing: working,
  })
  const outcomes = createOutcomes({ database, ledger, issuer, clock, fleet })
  const unknown = createUnknownOutcomes({ ...deps, database, ledger, outcomes, dispatch, runs })
  const changed = (): void => {
    // Who lost its rights is cut off; who got others comes back and is told them.
    void trust
      .refresh()
      .catch((error: unknown) => log.error({ error }, 'the trust state cannot be read'))
    announced.revocations()
  }
  const operations = createOperations({
    closing: working,
    database,
    ledger,
    outcomes,
    clock,
    log,
    fleet,
    access,
    agents,
    handlers: {
      ...enrolmentVerbs({
        agents,
        access,
        runs,
        changed: (ids) => {
          changed()
          rejoin(node, agents, ids).catch((error: unknown) =>
            log.warn({ error }, 'a host was not told to come back'),
          )
        },
      }),
      ...grantVerbs({ access, revoked: changed }),
      ...repositoryVerbs({ repositories, mirror, publisher, snapshots, database, clock, repairs }),
      ...snapshotVerbs({ repositories, snapshots, publisher, repairs }),
      ...runVerbs({ agents, dispatch, runs, clock }),
      ...artifactVerbs({ pool, database, clock }),
    },
  })
  late.idle = operations.idle
  const frozen = sealed.frozen()
  // Observing goes on over a log that contradicts itself; nothing that would have to be logged
  // does.
  if (frozen !== undefined)
    log.error(
      { error: frozen },
      'the log is frozen: every operation is refused until docs/RECOVERY.md was followed',
    )
  else await operations.recover(working, (verb) => !verb.startsWith('run.'))

  const http = await createHttpServer(
    { clock, log },
    { listen: config.http.listen, repositories: () => repositories.all },
  )
  stack.defer(() => http.close())
  const sessions = createSessions({ access, clock, random }, { fleet, coordinator: node.peerId })
  const connected = (peerId: string): boolean => node.peer(peerId)?.member !== undefined
  const controlServe = serveProtocol(
    control,
    controlHandlers(
      {
        agents,
        database,
        ledger,
        connected,
        copies: copies.of,
        clockOffset: node.membership.clockOffset,
        trouble: node.membership.trouble,
        addresses: () => node.addresses(),
        http: () => http.url,
        runs,
        dispatch,
        clock,
        open,
        access,
        pool,
        content,
        repositories,
        mirror,
        snapshots,
        sessions,
        operations,
        store,
      },
      { fleet, name, peerId: node.peerId, rootDigest: identity.root, startedAt: clock.now() },
    ),
    serving,
  )
  ready = controlServe
  const localServe = serveProtocol(
    localProtocol,
    localHandlers(
      { content, pool, checkPool: coordinatorPoolCheck({ ...upkeep, publisher, repositories }) },
      {
        role: 'coordinator',
        name,
        peerId: node.peerId,
        gateway: null,
        repositories: async () => [],
      },
    ),
    serving,
  )
  socketProtocols.set(control.id, controlServe).set(localProtocol.id, localServe)
  // Also here: callers are sent away before what they use is taken down.
  stack.defer(closeSocket)

  Object.assign(announced, createAnnouncer({ node, access, log }, (await access.state()).epoch))
  const offFacts = takeFacts({ node, ingest, log, fleet }, working)
  stack.defer(offFacts)
  const offMembers = watchMembers(
    { node, agents, ingest, witness: dispatch.witness, settle: unknown.settle, clock, log },
    working,
  )
  stack.defer(offMembers)
  const offRenewal = clock.every(RENEW_MS, () => {
    certificates
      .forCoordinator({ publicKey: nodeKey.publicKey, name })
      .then((renewed) => {
        certificate = renewed
        return node.reintroduce()
      })
      .catch((error: unknown) => log.error({ error }, 'the certificate was not renewed'))
  })
  stack.defer(offRenewal)

  options.onReady({ addresses: node.addresses(), http: http.url })
  // Orders to hosts that a crash left open: their hosts come back one by one and are asked.
  const recover = async (): Promise<void> => {
    if (frozen === undefined) await operations.recover(working, (verb) => verb.startsWith('run.'))
  }
  const recovering = recover().catch((error: unknown) => {
    if (!working.aborted)
      log.error({ error }, 'open orders could not be closed; the next start tries again')
  })
  stack.defer(() => recovering)
  await untilAborted(signal)
  ending.abort(signal.reason)
}

/**
 * Ends the connections of hosts whose standing changed: they come back at once and get a
 * certificate that says how they stand now.
 */
async function rejoin(
  node: MusterNode,
  agents: ReturnType<typeof createAgents>,
  ids: readonly Parameters<typeof agents.byId>[0][],
): Promise<void> {
  for (const id of ids) {
    const agent = await agents.byId(id)
    if (agent !== undefined) await node.peer(agent.peerId)?.close()
  }
}
