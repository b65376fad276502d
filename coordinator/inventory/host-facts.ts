/** Reads a host's package state, with the problems that make it incomplete. */
import type { FactState } from '../../shared/facts/apply.ts'
import {
  describeProblem,
  type FactManager,
  type FactProblem,
} from '../../shared/facts/collection.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { inventoryError } from './errors.ts'
import type { FactStore } from './fact-store.ts'
import { managersOf, problemsOf } from './host-collections.ts'

export interface HostFacts {
  readonly state: FactState
  readonly problems: FactProblem[]
  readonly managers?: FactManager[]
}

/** @throws inventory.none, inventory.unknown */
export async function readHostFacts(
  store: Pick<FactStore, 'state' | 'collections'>,
  agent: AgentRecord,
): Promise<HostFacts> {
  const state = await store.state(agent.id)
  const collection = await store.collections.of(agent.id)
  const problems = problemsOf(collection)
  if (state !== undefined) return { state, problems, ...managersOf(collection) }
  if (problems.length === 0) throw inventoryError('inventory.none', { host: agent.name })
  const reason = problems.map(describeProblem).join('; ')
  throw inventoryError('inventory.unknown', { host: agent.name, reason })
}
