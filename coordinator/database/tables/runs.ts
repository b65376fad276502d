/** Runs on agents, as far as the coordinator has heard of them. The agent's runner knows better. */

export interface DispatchTables {
  run_record: RunRecordTable
  unknown_outcome: UnknownOutcomeTable
}

/** A target whose outcome the log has as `unknown`: its host is asked when it is back. */
export interface UnknownOutcomeTable {
  operation: string
  target: string
}

export interface RunRecordTable {
  id: string
  agent: string
  operation: string
  /** JSON array of strings. */
  command: string
  name: string | null
  /** Fingerprint of the operator that started it. */
  actor: string
  status: string
  /** Why it ended so, where the status alone does not say. */
  reason: string | null
  created_at: number
  started_at: number | null
  ended_at: number | null
  exit_code: number | null
  signal: string | null
  output_bytes: number
  /** When the host last said something about it. Null: never. */
  seen_at: number | null
}
