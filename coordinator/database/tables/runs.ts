/** Runs on hosts, as far as the coordinator has records. The host's runner is authoritative. */
import type { RunState } from '../../../shared/describe-run.ts'

export interface DispatchTables {
  run_record: RunRecordTable
  unknown_outcome: UnknownOutcomeTable
}

/**
 * A target whose outcome is `unknown` in the log. The coordinator asks the host after it
 * reconnects.
 */
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
  status: RunState
  /** Why the run ended, if the status alone does not show it. */
  reason: string | null
  created_at: number
  started_at: number | null
  ended_at: number | null
  exit_code: number | null
  signal: string | null
  output_bytes: number
  /** When the host last reported on the run; null if never. */
  seen_at: number | null
}
