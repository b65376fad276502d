/**
 * What each host has installed, and how that changed. Derived from the agents' signed facts, never
 * edited.
 */

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
  /** Root of the full set, hex. */
  root: string
  at: number
  /** JSON object. */
  os: string
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
  /** Place within the facts of one sequence number. */
  position: number
  at: number
  event: string
  manager: string
  name: string
  arch: string
  from: string | null
  to: string | null
  source: string | null
  /** Milliseconds that the change took, where the package manager's log tells. */
  duration: number | null
}

export interface FactCollectionTable {
  agent: string
  /** When the newest report came. */
  received_at: number | null
  /** JSON object; null where only a refusal is known. */
  collection: string | null
  refused_at: number | null
  /** Why the host's facts are refused; null if they are taken. */
  refused: string | null
}
