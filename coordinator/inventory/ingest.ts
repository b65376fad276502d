/**
 * Stores the facts that hosts send. If a statement doesn't follow the stored state, there is a gap,
 * and a pull from the host fills it.
 */
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { createFactIntake, type Ingested, isRefusal } from './apply-facts.ts'
import { createFactPulls } from './fact-pulls.ts'
import type { FactStore } from './fact-store.ts'
import { type ReportedCollection, readReported } from './reported-collection.ts'
import { VerifiedFacts } from './verified-facts.ts'

export interface IngestDeps {
  readonly database: Database
  readonly store: FactStore
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
}

export interface Ingest {
  /**
   * Checks a statement's signature and form. Later steps use the result and don't check again.
   * @throws trust.*
   */
  verify(signed: Signed): VerifiedFacts
  /**
   * @param payload the bytes of the set if the statement is `full`.
   * @throws inventory.*, facts.*, trust.*
   */
  accept(agent: AgentRecord, facts: VerifiedFacts, payload?: Uint8Array): Promise<Ingested>
  /**
   * Pulls the updates that follow the stored state, or joins the running pull. Failures are logged,
   * and the next connection or update tries again.
   */
  pull(agent: AgentRecord, signal: AbortSignal): Promise<void>
  /**
   * Records the host's newest collection of its packages, if the host reports it. If the collection
   * is signed, only the signed form is used.
   * @throws trust.*, inventory.*
   */
  reportCollection(agent: AgentRecord, reported: ReportedCollection): Promise<void>
  /** Applies an update from gossip, or pulls the missing ones. */
  acceptGossip(facts: VerifiedFacts, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createIngest(deps: IngestDeps, { fleet }: { fleet: FleetId }): Ingest {
  const { agents, clock, log, open, store } = deps
  const intake = createFactIntake(deps)
  const verify = (signed: Signed): VerifiedFacts => VerifiedFacts.read(signed, fleet)
  const report: Ingest['reportCollection'] = async (agent, reported) => {
    const collection = readReported(agent, reported, fleet)
    if (collection !== undefined) await store.collections.report(agent.id, collection, clock.now())
  }
  const { accept } = intake
  const pulls = createFactPulls({ store, clock, log, open, verify, accept, report })
  return {
    verify,
    accept,
    pull: pulls.pull,
    reportCollection: report,
    async acceptGossip(facts, signal) {
      const agent = await agents.byId(facts.statement.agent)
      if (agent?.status !== 'approved') return
      const missing = (): Promise<boolean> => isMissing({ accept, log }, agent, facts)
      if (!(await missing())) return
      const isJoined = pulls.isRunning(agent.id)
      await pulls.pull(agent, signal)
      // The host may have responded to the running pull before it had this update. Gossip doesn't
      // repeat the update.
      if (isJoined && (await missing())) await pulls.pull(agent, signal)
    },
    async close() {
      await Promise.all([pulls.idle(), intake.idle()])
    },
  }
}

/**
 * Applies an announced update. Returns true if a pull must fetch it.
 *
 * An update that can't be applied counts as missing. The pull names the stored set, and the host
 * begins a new epoch if it can't continue from that set.
 */
async function isMissing(
  { accept, log }: { readonly accept: Ingest['accept']; readonly log: Logger },
  agent: AgentRecord,
  facts: VerifiedFacts,
): Promise<boolean> {
  try {
    return (await accept(agent, facts)).result === 'gap'
  } catch (error) {
    if (!isRefusal(error)) throw error
    const host = agent.name
    log.warn({ host, error }, 'an update of facts was refused; pulling from the host')
    return true
  }
}
