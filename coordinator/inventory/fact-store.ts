/**
 * Stores each host's package state and history in the database. The rows are derived only from the
 * hosts' signed facts.
 */
import type { FactState } from '../../shared/facts/apply.ts'
import type { FactEvent } from '../../shared/facts/events.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import { appendEvents, type History, readHistory } from './fact-history.ts'
import { readState, savePackages, saveState, type Tx } from './fact-rows.ts'
import { createHostCollections, type HostCollections } from './host-collections.ts'
import { findInstalled, type Installed } from './installed-packages.ts'

export interface FactChange {
  readonly before: FactState | undefined
  readonly after: FactState
  readonly events: readonly FactEvent[]
}

export interface FactStore {
  readonly collections: HostCollections
  state(agent: AgentId, tx?: Tx): Promise<FactState | undefined>
  /**
   * Stores the difference between two states, and appends the events to the host's history.
   * @param change.before the stored state, read in this transaction; undefined for the first
   */
  save(tx: Tx, agent: AgentId, change: FactChange): Promise<void>
  /**
   * Returns the hosts that have reported their packages, each with the time of its report in
   * milliseconds.
   */
  reported(): Promise<ReadonlyMap<string, number>>
  history(agent: AgentId, name?: string): Promise<History>
  /** Returns the hosts that have the package, among all hosts or among `agents`. */
  installed(name: string, agents?: readonly AgentId[]): Promise<Installed>
}

export function createFactStore(deps: { database: Database }): FactStore {
  const { query } = deps.database
  return {
    collections: createHostCollections(deps.database),
    state: (agent, tx = query) => readState(tx, agent),
    async save(tx, agent, { before, after, events }) {
      await saveState(tx, agent, after)
      await savePackages(tx, agent, before?.set.packages ?? [], after.set.packages)
      await appendEvents(tx, agent, after, events)
    },
    async reported() {
      const rows = await query.selectFrom('fact_state').select(['agent', 'at']).execute()
      return new Map(rows.map(({ agent, at }) => [agent, at]))
    },
    history: (agent, name) => readHistory(query, agent, name),
    installed: (name, agents) => findInstalled(query, name, agents),
  }
}
