/**
 * `muster agent facts --once`, for cron. If an agent runs in this home, the agent collects and
 * sends, because the journal may have only one writer. Otherwise this process does it with the same
 * journal.
 */
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { dialSocket, socketError } from '../../protocols/rpc/socket.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { createNode } from '../../node/node.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import type { Clock } from '../../shared/clock.ts'
import { defineErrors, MusterError } from '../../shared/errors.ts'
import { agentPaths } from '../../shared/home.ts'
import { loadKeyFile } from '../../shared/identity/key-file.ts'
import type { FactProblem } from '../../shared/facts/collection.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { VERSION } from '../../shared/version.ts'
import { createAgentCredentials } from '../membership/agent-credentials.ts'
import { type AdmissionDeps, becomeMember } from '../membership/admission.ts'
import { collectAll } from './collect.ts'
import { createCollectors } from './all-collectors.ts'
import { openCollectionStore } from './collection-store.ts'
import { openJournal } from './journal.ts'
import type { Confirmed } from './plausible.ts'
import { type Pushed, pushFacts } from './push.ts'
import { createReport } from './report.ts'
import { lockHome } from '../home/lock.ts'
import { type AgentIdentity, agentHomeError, readAgentIdentity } from '../home/identity.ts'

export const factsOnceError = defineErrors({
  'facts.not-a-member': {
    exit: 'denied',
    message: (d: { name: string }) => `${d.name} waits for an operator's approval`,
    hint: () => 'run `muster enroll list` on the coordinator, and approve this host',
  },
})

export interface FactsSent {
  /** The result that the coordinator returned. */
  readonly result: Pushed
  /** The number of packages of this host. */
  readonly packages: number
  /** True if this collection changed the facts. An agent of an older version doesn't send it. */
  readonly changed: boolean | undefined
  /** Packages that were in doubt and are recorded as removed. An older agent doesn't send it. */
  readonly confirmed: readonly Confirmed[] | undefined
  /** The problems of the collection. An agent of an older version doesn't send it. */
  readonly problems: readonly FactProblem[] | undefined
}

export interface FactsOnceDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface FactsOnceOptions {
  readonly home: string
  /**
   * Managers whose packages are accepted as they were found, although the database looks damaged.
   */
  readonly accept: readonly string[]
  readonly signal: AbortSignal
}

/**
 * @throws agent.home-in-use, facts.*, registry.* of the coordinator, node.* and protocol.* if no
 * coordinator is reachable
 */
export async function sendFactsOnce(
  deps: FactsOnceDeps,
  options: FactsOnceOptions,
): Promise<FactsSent> {
  const identity = await readAgentIdentity(options.home)
  return (await askDaemon(deps, options)) ?? collectAndSend(deps, identity, options)
}

/** Asks the agent of this home to collect. Returns undefined if no agent runs. */
async function askDaemon(
  deps: FactsOnceDeps,
  { home, accept, signal }: FactsOnceOptions,
): Promise<FactsSent | undefined> {
  let client
  try {
    client = openClient(
      localProtocol,
      await dialSocket(agentPaths(home).socket, localProtocol.id, signal),
      deps,
    )
  } catch (error) {
    if (socketError.is(error, 'socket.absent')) return undefined
    throw error
  }
  try {
    const request = accept.length === 0 ? {} : { accept: [...accept] }
    const sent = await client.call('facts.report', request, { signal })
    const { problems, changed, confirmed } = sent
    return { ...sent, problems, changed, confirmed }
  } catch (cause) {
    // The agent is still starting, or it is older than this program. It collects by itself.
    if (wireError.is(cause, 'protocol.unsupported'))
      throw agentHomeError('agent.home-in-use', { folder: home }, { cause })
    throw cause
  } finally {
    await client.close().catch(() => undefined)
  }
}

/** Collects in this process, because no agent runs in this home. */
async function collectAndSend(
  deps: FactsOnceDeps,
  identity: AgentIdentity,
  { home, accept, signal }: FactsOnceOptions,
): Promise<FactsSent> {
  const paths = agentPaths(home)
  await using stack = new AsyncDisposableStack()
  const lock = await lockHome(deps, { home, patienceMs: 0, signal })
  stack.defer(() => lock.release())
  const key = await loadKeyFile(paths.nodeKey)
  const { fleet, root: rootDigest, id: agent } = identity
  const trust = await openTrustState(deps, { folder: paths.trust, fleet, rootDigest })
  const journal = await openJournal(deps, { folder: paths.facts })
  stack.defer(() => journal.close())
  const collectors = createCollectors(deps, { scratch: paths.facts })
  const report = createReport(
    {
      journal,
      key,
      ...deps,
      collections: await openCollectionStore(deps, { folder: paths.facts }),
      collect: (more) => collectAll(collectors, {}, more),
      publish: async () => undefined,
      // The collection is sent below, with the facts.
      send: async () => undefined,
    },
    { fleet, agent },
  )
  const { update, packages, collection, confirmed } = await report.collect(signal, { accept })
  const { problems } = collection
  const credentials = createAgentCredentials({ ...deps, trust })
  const node = await createNode(deps, { key, listen: [], fleet, version: VERSION, credentials })
  stack.defer(() => node.close())
  const push = (client: Client<typeof facts>): Promise<Pushed> =>
    pushFacts({ client, report, journal }, signal)
  const result = await withFirstCoordinator({ ...deps, node, trust }, identity, push, signal)
  return { result, packages, problems, changed: update !== undefined, confirmed }
}

/** Connects to the first coordinator that is reachable. */
async function withFirstCoordinator<T>(
  deps: AdmissionDeps,
  identity: AgentIdentity,
  work: (client: Client<typeof facts>) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  let failure: unknown
  for (const address of identity.coordinators) {
    try {
      const coordinator = await becomeMember(deps, { identity, claims: {}, address }, signal)
      if (coordinator === undefined)
        throw factsOnceError('facts.not-a-member', { name: identity.name })
      const client = openClient(facts, await deps.node.open(coordinator, facts.id, signal), deps)
      const result = await work(client)
      await client.close()
      return result
    } catch (error) {
      if (!(error instanceof MusterError) || error.exit !== 'unreachable') throw error
      failure = error
    }
  }
  throw failure
}
