/** The log's tables. Only coordinator/audit writes them. */

export interface AuditTables {
  log_head: LogHeadTable
  log_entry: LogEntryTable
  checkpoint: CheckpointTable
  open_intent: OpenIntentTable
}

/** One row. Locking it is what puts the entries of all coordinators in one order. */
export interface LogHeadTable {
  id: 1
  /** Entries in the log. */
  size: number
  /** RFC 6962 root hash of these entries. */
  root: Uint8Array
  /**
   * Roots of the perfect subtrees that make up the tree, widest first, 32 bytes each: all that an
   * append needs.
   */
  frontier: Uint8Array
  epoch: number
  /** Time of the newest entry; the next one is never earlier. */
  last_at: number
}

export interface LogEntryTable {
  index: number
  leaf_hash: Uint8Array
  bytes: Uint8Array
  at: number
  type: string
  operation: string | null
  /** Fingerprint of the key that signed the statement. */
  actor: string | null
}

export interface CheckpointTable {
  size: number
  root: Uint8Array
  /** The signed note, as published. */
  note: string
  at: number
}

/** An intent without an outcome yet. Closed in the transaction that appends the outcome. */
export interface OpenIntentTable {
  operation: string
  index: number
  verb: string
  at: number
  /** Name of the coordinator that acts on it. */
  coordinator: string
}
