/**
 * Applies a host's statements to its stored state, one at a time for each host. A statement is
 * applied only if its host signed it, if it follows the stored state, and if the resulting package
 * set hashes to the root that the statement names.
 */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import { jsonError } from '../../shared/canonical-json.ts'
import type { Clock } from '../../shared/clock.ts'
import { createLanes } from '../../shared/concurrency/lanes.ts'
import type { MusterError } from '../../shared/errors.ts'
import { apply } from '../../shared/facts/apply.ts'
import { factsError } from '../../shared/facts/errors.ts'
import { type FactPosition, type FactUpdate, readUpdate } from '../../shared/facts/update.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import { lockRow } from '../database/lock-row.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { inventoryError } from './errors.ts'
import type { FactStore } from './fact-store.ts'
import type { VerifiedFacts } from './verified-facts.ts'

export type Ingested =
  | { readonly result: 'applied' | 'known' }
  | { readonly result: 'gap'; readonly from: FactPosition }

/** The position before a host's first update. */
export const NO_FACTS: FactPosition = { epoch: 0, sequence: 0 }

export interface ApplyDeps {
  readonly database: Database
  readonly store: FactStore
  readonly clock: Clock
}

export interface FactIntake {
  /** @throws inventory.*, facts.* */
  accept(agent: AgentRecord, facts: VerifiedFacts, payload?: Uint8Array): Promise<Ingested>
  /** Resolves when no statement is being applied. */
  idle(): Promise<void>
}

export function createFactIntake(deps: ApplyDeps): FactIntake {
  // Updates of one host run one after the other. Otherwise the second one could read the state
  // before the first one writes it.
  const lanes = createLanes<AgentId>({ name: 'the queue of fact updates of a host' })
  return {
    async accept(agent, facts, payload) {
      requireOwnFacts(agent, facts)
      const { statement } = facts
      // Gossip announces a full set without its packages, because gossip must not send megabytes.
      if (statement.kind === 'full' && payload === undefined)
        return positionOf(await deps.store.state(agent.id), statement)
      const update = readUpdate(statement, payload)
      return lanes.run(agent.id, () => applyUpdate(deps, agent, update))
    },
    idle: () => lanes.idle(),
  }
}

/** @throws inventory.not-theirs */
function requireOwnFacts(agent: AgentRecord, { statement, key }: VerifiedFacts): void {
  if (statement.agent !== agent.id || !Buffer.from(key).equals(agent.publicKey))
    throw inventoryError('inventory.not-theirs', { host: agent.name })
}

/** Compares an announced position with the stored one. */
function positionOf(state: FactPosition | undefined, announced: FactPosition): Ingested {
  const isKnown = state?.epoch === announced.epoch && state.sequence >= announced.sequence
  return isKnown ? { result: 'known' } : { result: 'gap', from: state ?? NO_FACTS }
}

function applyUpdate(
  { database, store, clock }: ApplyDeps,
  agent: AgentRecord,
  update: FactUpdate,
): Promise<Ingested> {
  return database.transaction(async (tx) => {
    // Locks the host's row. If two coordinators store updates of one host, the second one reads the
    // result of the first one.
    await lockRow(
      database.dialect,
      tx.selectFrom('agent').select('id').where('id', '=', agent.id),
    ).execute()
    const before = await store.state(agent.id, tx)
    const applied = apply(before, update, { now: clock.now() })
    if (applied.result === 'refused')
      throw factsRefusal('inventory.refused', { host: agent.name, reason: applied.reason })
    if (applied.result !== 'applied') return applied
    const { state: after, events } = applied
    await store.save(tx, agent.id, { before, after, events })
    await store.collections.clearRefusal(tx, agent.id)
    return { result: 'applied' }
  })
}

/**
 * True if the error is in the host's statement. False for errors of this coordinator or of the
 * connection.
 */
export function isRefusal(error: unknown): error is MusterError {
  return (
    factsRefusal.is(error, 'inventory.refused') ||
    factsError.is(error, 'facts.malformed') ||
    jsonError.is(error, 'json.not-canonical')
  )
}
