/** The log's tables. Only coordinator/audit writes them. */

export interface AuditTables {
  log_head: LogHeadTable
  log_entry: LogEntryTable
  checkpoint: CheckpointTable
  open_intent: OpenIntentTable
}

/** One row. Its lock puts the entries of all coordinators in one order. */
export interface LogHeadTable {
  id: 1
  /** Number of entries in the log. */
  size: number
  /** RFC 6962 root hash of these entries. */
  root: Uint8Array
  /**
   * Roots of the perfect subtrees of the tree, widest first, 32 bytes each. An append needs only
   * these.
   */
  frontier: Uint8Array
  epoch: number
  /** Time of the newest entry. The next entry is never earlier. */
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
  /** The signed note, as it was published. */
  note: string
  at: number
}

/** An intent without an outcome. The transaction that appends the outcome removes the row. */
export interface OpenIntentTable {
  operation: string
  index: number
  verb: string
  at: number
  /** Name of the coordinator that carries it out. */
  coordinator: string
}
