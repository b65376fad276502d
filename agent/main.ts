/**
 * An agent, composed by hand: what each part needs is in its line here. Everything that is acquired
 * is released in reverse order. Runs go on without it: they belong to the runner, a process of its
 * own.
 */
import { watch } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createContent } from '../node/content/content.ts'
import { nodeError } from '../node/ground/errors.ts'
import { type LocalInfo, localHandlers } from '../node/content/local.ts'
import { createPoolCheck, healFromNodes } from '../node/content/pool-check.ts'
import { createNode, type MusterNode } from '../node/node.ts'
import { createNodePolicy } from '../node/membership/policy.ts'
import { openTrustState } from '../node/membership/trust-state.ts'
import { openClient } from '../protocols/rpc/call.ts'
import type { Capability } from '../protocols/capability.ts'
import { command } from '../protocols/command/protocol.ts'
import { facts } from '../protocols/facts/protocol.ts'
import { localProtocol } from '../protocols/local/protocol.ts'
import { output } from '../protocols/output/protocol.ts'
import type { Policy } from '../protocols/rpc/peer.ts'
import { type Serve, serveProtocol } from '../protocols/rpc/serve.ts'
import { serveSocket } from '../protocols/rpc/socket.ts'
import { wireError } from '../protocols/wire/errors.ts'
import { openPool } from '../shared/blobs/pool.ts'
import type { Clock } from '../shared/clock.ts'
import type { Config } from '../shared/config/schema.ts'
import { agentPaths } from '../shared/home.ts'
import { loadKeyFile } from '../shared/identity/key-file.ts'
import type { Logger } from '../shared/logger.ts'
import type { Random } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'
import { checkCertificate } from '../shared/trust/credentials.ts'
import { readSigned } from '../shared/trust/signed.ts'
import { VERSION } from '../shared/version.ts'
import { commandHandlers } from './handlers/command.ts'
import { openJournal as openCommandJournal } from './commands/journal.ts'
import { collectAll } from './facts/collect.ts'
import { createCollectors } from './facts/collectors/all.ts'
import { openCollectionStore } from './facts/collection-store.ts'
import { openJournal as openFactJournal } from './facts/journal.ts'
import { pushFacts, tellCollection } from './facts/push.ts'
import { createReport } from './facts/report.ts'
import { type PackageWatch, watchPackages } from './facts/watch.ts'
import { createCatalog } from './gateway/catalog.ts'
import { createGateway } from './gateway/gateway.ts'
import { watchHealth } from './home/health.ts'
import { lockHome } from './home/lock.ts'
import { readAgentIdentity } from './home/identity.ts'
import { createLink } from './membership/link.ts'
import { followNews } from './membership/news.ts'
import { outputHandlers } from './handlers/output.ts'
import { connectRunner } from './runner/socket/client.ts'

/** The host's own work shares the volume: a pool must not fill it. */
const RESERVE_BYTES = 512 * MIB
/**
 * A `muster agent facts --once` that cron began takes this long; with less patience the agent would
 * not start because of it.
 */
const LOCK_PATIENCE_MS = 30_000
/** A greeting is under way for seconds at most; clocks that are kept differ by less. */
const CLOCK_TOLD_MS = 60_000

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface AgentOptions {
  readonly home: string
  readonly config: Config
  readonly signal: AbortSignal
  /** Called each time this host has connected as a member. */
  readonly onReady: (ready: { coordinator: string; gateway: string }) => void
  readonly onPending: (fingerprint: string) => void
}

/**
 * Runs until the signal aborts. @throws agent.* (agent.home-in-use where another process has this
 * home), identity.*, node.listen, http.address-taken, socket.in-use, registry.revoked, …
 */
export async function runAgent(deps: AgentDeps, options: AgentOptions): Promise<void> {
  const { clock, random, log } = deps
  const { home, config, signal } = options
  const paths = agentPaths(home)
  await using stack = new AsyncDisposableStack()
  const ending = new AbortController()
  stack.defer(() => ending.abort(signal.reason))
  const working = AbortSignal.any([signal, ending.signal])

  const identity = await readAgentIdentity(home)
  const { fleet, id: agent } = identity
  // First of all: a second agent on this home must be refused before it touches the journals of the
  // first one.
  const lock = await lockHome({ clock }, { home, patienceMs: LOCK_PATIENCE_MS, signal })
  stack.defer(() => lock.release())
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
  const key = await loadKeyFile(paths.nodeKey)
  const trust = await openTrustState(deps, {
    folder: paths.trust,
    fleet,
    rootDigest: identity.root,
  })
  const pool = await openPool(
    { clock, random, log },
    { folder: join(config.storage.base_path, 'pool'), reserveBytes: RESERVE_BYTES },
  )
  const { keep: runs, keep_bytes: bytes, keep_days: days } = config.runs
  const keep = { runs, bytes, ...(days === undefined ? {} : { days }) }
  const runner = await connectRunner(
    { clock },
    { home, spawnIfAbsent: true, keep, signal: working },
  )
  const commandJournal = await openCommandJournal(deps, { folder: paths.commands })
  const factJournal = await openFactJournal(deps, { folder: paths.facts })
  stack.defer(() => factJournal.close())

  // Set once there is a node. The peers see what is wrong with this host in the next greeting.
  let introduce = (): void => undefined
  const health = watchHealth(deps, {
    folders: [home, pool.folder],
    changed: () => introduce(),
  })
  stack.defer(() => health.close())
  const onStorageFailure = health.look

  const labels = (): Readonly<Record<string, string>> => {
    const certificate = trust.certificate()
    return certificate === undefined ? {} : readSigned(certificate, 'certificate').labels
  }
  let packages: PackageWatch | undefined
  const collectors = createCollectors({ log }, { scratch: paths.facts })
  const report = createReport(
    {
      journal: factJournal,
      key,
      clock,
      log,
      collections: await openCollectionStore(deps, { folder: paths.facts }),
      collect: (more) => collectAll(collectors, {}, more),
      publish: (bytes) => node.gossip.publish('facts', bytes),
      tell: async (collection, more) => {
        const client = openClient(facts, await openCoordinator(facts.id, more), { clock })
        try {
          await tellCollection(client, collection, more)
        } finally {
          await client.close().catch(() => undefined)
        }
      },
      remarks: () => packages?.remarks() ?? [],
    },
    { fleet, agent },
  )
  const serving = { policy: agentPolicy(), clock, log }
  const commandServe = serveProtocol(
    command,
    commandHandlers({
      trust,
      clock,
      fleet,
      agent,
      labels,
      journal: commandJournal,
      runner,
      key,
      log,
      onStorageFailure,
    }),
    serving,
  )
  const outputServe = serveProtocol(output, outputHandlers({ runner }), serving)
  const factsServe = serveProtocol(
    facts,
    {
      pull: report.pull,
      push: async () => {
        throw wireError('protocol.unsupported', { what: 'facts push on an agent' })
      },
      report: async () => {
        throw wireError('protocol.unsupported', { what: 'facts report on an agent' })
      },
    },
    serving,
  )

  const node: MusterNode = await createNode(deps, {
    key,
    listen: config.listen,
    fleet,
    version: VERSION,
    trouble: health.trouble,
    credentials: {
      own: () => trust.certificate(),
      check: (other) =>
        checkCertificate(other, {
          root: trust.root().root,
          revocations: trust.revocations().accepted,
          at: clock.now(),
        }),
    },
    setup: async (made) => {
      await made.handle(command, commandServe)
      await made.handle(output, outputServe)
      await made.handle(facts, factsServe)
    },
  })
  stack.defer(() => node.close())
  introduce = () => void node.reintroduce()
  // Also what came with an order: a host that was revoked is no member from then on, not from the
  // next greeting on (ID-24).
  stack.defer(trust.onChange(() => node.recheck()))

  const link = createLink(
    { node, trust, clock, random, log, onStorageFailure },
    {
      identity,
      claims: { hostname: hostname() },
      instance: Buffer.from(random.bytes(16)).toString('hex'),
      onConnected: async (coordinator) => {
        const aheadMs = -(node.membership.clockOffset(coordinator) ?? 0)
        if (Math.abs(aheadMs) >= CLOCK_TOLD_MS)
          log.warn({ coordinator, aheadMs }, "this host's clock is not the coordinator's")
        await content.announce(working)
        options.onReady({ coordinator, gateway: gateway.url })
      },
      onPending: () => options.onPending(key.fingerprint),
    },
  )
  const coordinators = (): string[] => [link.coordinator()].filter((peer) => peer !== undefined)
  const content = await createContent(
    { node, pool, clock, random, log, policy: serving.policy },
    { tracker: false, coordinators },
  )
  stack.defer(() => content.close())
  const openCoordinator: Parameters<typeof createCatalog>[0]['open'] = async (protocolId, more) => {
    const [coordinator] = coordinators()
    if (coordinator === undefined)
      throw nodeError('node.not-connected', { peer: 'any coordinator' })
    return node.open(coordinator, protocolId, more)
  }
  const catalog = createCatalog({ clock, open: openCoordinator })
  const gateway = await createGateway(
    { catalog, content, clock, log },
    { listen: config.gateway.listen },
  )
  stack.defer(() => gateway.close())
  const info: LocalInfo = {
    role: 'agent',
    name: identity.name,
    peerId: node.peerId,
    gateway: gateway.url,
    coordinator: link.coordinator,
    repositories: async (more) =>
      (await catalog.repositories(more)).map(({ id, gpgkey }) => ({ id, gpgkey })),
    reportFacts: async ({ accept }, more) => {
      const { update, packages, collection, confirmed } = await report.look(more, { accept })
      const client = openClient(facts, await openCoordinator(facts.id, more), { clock })
      try {
        const result = await pushFacts({ client, report, journal: factJournal }, more)
        const { problems } = collection
        return {
          result,
          packages,
          problems,
          changed: update !== undefined,
          confirmed: [...confirmed],
        }
      } finally {
        await client.close().catch(() => undefined)
      }
    },
  }
  const heal = healFromNodes(content, 'fleet')
  const checkPool = createPoolCheck({ pool, clock, random, heal })
  socketProtocols.set(
    localProtocol.id,
    serveProtocol(localProtocol, localHandlers({ content, pool, checkPool }, info), serving),
  )
  // Also here: callers are sent away before what they use is taken down.
  stack.defer(closeSocket)
  const offNews = followNews(
    {
      node,
      trust,
      clock,
      log,
      fleet,
      coordinator: link.coordinator,
      pull: link.pull,
      onStorageFailure,
    },
    working,
  )
  stack.defer(offNews)
  packages = watchPackages(
    { clock, log, watch },
    { databases: collectors.flatMap((collector) => collector.databases('/')) },
    () => report.look(working),
    working,
  )
  stack.defer(packages.stop)

  await link.run(signal)
}

/**
 * An agent answers members and its own socket. Intents are checked by what they carry, whoever
 * brings them; only a coordinator may bring them.
 */
function agentPolicy(): Policy {
  const bringer: Capability = { kind: 'member', roles: ['coordinator'] }
  const members = createNodePolicy()
  return {
    allow: (capability, peer, ask) =>
      members.allow(capability.kind === 'intent' ? bringer : capability, peer, ask),
  }
}
