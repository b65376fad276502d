/**
 * `muster agent facts --once`, for cron. Where an agent runs on this home, it does it: its journal
 * has one writer. Else the same journal, the same signed statement, sent instead of asked for.
 */
import { openClient } from '../../protocols/rpc/call.ts'
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
import { becomeMember } from '../membership/admission.ts'
import { collectAll } from './collect.ts'
import { createCollectors } from './all-collectors.ts'
import { openCollectionStore } from './collection-store.ts'
import { openJournal } from './journal.ts'
import type { Confirmed } from './plausible.ts'
import { type Pushed, pushFacts } from './push.ts'
import { createReport } from './report.ts'
import { lockHome } from '../home/lock.ts'
import { agentHomeError, readAgentIdentity } from '../home/identity.ts'

export const factsOnceError = defineErrors({
  'facts.not-a-member': {
    exit: 'denied',
    message: (d: { name: string }) => `${d.name} waits for an operator's approval`,
    hint: () => 'on the coordinator: muster enroll list',
  },
})

export interface FactsSent {
  /** What became of it at the coordinator. */
  readonly result: Pushed
  /** How many this host has. */
  readonly packages: number
  /** True if this collection changed what is known. Undefined from an agent of an older version. */
  readonly changed: boolean | undefined
  /** What was in doubt and is recorded now. Undefined from an agent of an older version. */
  readonly confirmed: readonly Confirmed[] | undefined
  /** What could not be read, or is odd. Undefined from an agent of an older version. */
  readonly problems: readonly FactProblem[] | undefined
}

export interface FactsOnceDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface FactsOnceOptions {
  readonly home: string
  /** Managers of which what is found is right, although the database looks damaged. */
  readonly accept: readonly string[]
  readonly signal: AbortSignal
}

/**
 * @throws agent.home-in-use, facts.*, node.* and protocol.* where no coordinator can be reached,
 * registry.* as it refuses
 */
export async function sendFactsOnce(
  deps: FactsOnceDeps,
  options: FactsOnceOptions,
): Promise<FactsSent> {
  const identity = await readAgentIdentity(options.home)
  return (await askDaemon(deps, options)) ?? sendOurselves(deps, identity, options)
}

/** Undefined where no agent answers in this home. */
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
    // It has just begun and serves nothing yet, or it is older than this program. Either way it
    // collects by itself.
    if (wireError.is(cause, 'protocol.unsupported'))
      throw agentHomeError('agent.home-in-use', { folder: home }, { cause })
    throw cause
  } finally {
    await client.close().catch(() => undefined)
  }
}

async function sendOurselves(
  deps: FactsOnceDeps,
  identity: Awaited<ReturnType<typeof readAgentIdentity>>,
  { home, accept, signal }: FactsOnceOptions,
): Promise<FactsSent> {
  const paths = agentPaths(home)
  await using stack = new AsyncDisposableStack()
  const lock = await lockHome(deps, { home, patienceMs: 0, signal })
  stack.defer(() => lock.release())
  const key = await loadKeyFile(paths.nodeKey)
  const trust = await openTrustState(deps, {
    folder: paths.trust,
    fleet: identity.fleet,
    rootDigest: identity.root,
  })
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
      // Sent below, with the facts.
      tell: async () => undefined,
    },
    { fleet: identity.fleet, agent: identity.id },
  )
  const { update, packages, collection, confirmed } = await report.look(signal, { accept })

  const node = await createNode(deps, {
    key,
    listen: [],
    fleet: identity.fleet,
    version: VERSION,
    credentials: createAgentCredentials({ ...deps, trust }),
  })
  stack.defer(() => node.close())
  let failure: unknown
  for (const address of identity.coordinators) {
    try {
      const coordinator = await becomeMember(
        { node, trust, ...deps },
        { identity, claims: {}, address },
        signal,
      )
      if (coordinator === undefined)
        throw factsOnceError('facts.not-a-member', { name: identity.name })
      const client = openClient(facts, await node.open(coordinator, facts.id, signal), deps)
      const result = await pushFacts({ client, report, journal }, signal)
      await client.close()
      const { problems } = collection
      return { result, packages, problems, changed: update !== undefined, confirmed }
    } catch (error) {
      if (!(error instanceof MusterError) || error.exit !== 'unreachable') throw error
      failure = error
    }
  }
  throw failure
}
