/**
 * The installed packages of each host, and their changes. They come from the agents' signed facts
 * and are never edited.
 */
import type { FactEvent } from '../../../shared/facts/events.ts'
import type { HostFacts } from '../../../shared/facts/package-set.ts'
import type { JsonText } from '../schema/json-text.ts'

export interface InventoryTables {
  fact_state: FactStateTable
  fact_package: FactPackageTable
  fact_event: FactEventTable
  fact_collection: FactCollectionTable
}

export interface FactStateTable {
  agent: string
  epoch: number
  sequence: number
  /** Root of the full set, in hex. */
  root: string
  at: number
  os: JsonText<HostFacts>
}

/**
 * Several versions of one package may be installed (kernels), so the version is part of the key.
 */
export interface FactPackageTable {
  agent: string
  manager: string
  name: string
  arch: string
  epoch: number
  version: string
  release: string
}

export interface FactEventTable {
  agent: string
  epoch: number
  sequence: number
  /** Position within the facts of one sequence number. */
  position: number
  at: number
  event: FactEvent['event']
  manager: string
  name: string
  arch: string
  from: string | null
  to: string | null
  source: FactEvent['source']
  /** Duration of the change in milliseconds, if the package manager's log has it. */
  duration: number | null
}

export interface FactCollectionTable {
  agent: string
  /** When the newest report arrived. */
  received_at: number | null
  /** JSON object; null if the row only has a refusal. */
  collection: string | null
  refused_at: number | null
  /** Why the host's facts are refused; null if they are accepted. */
  refused: string | null
}
