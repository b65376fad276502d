/** The coordinator's record of a run. */
import type { Selectable } from 'kysely'
import { z } from 'zod'
import { rfc3339 } from '../../shared/clock.ts'
import type { RunState } from '../../shared/describe-run.ts'
import {
  type AgentId,
  agentId,
  type OperationId,
  operationId,
  type RunId,
  runId,
} from '../../shared/ids.ts'
import type { RunRecordTable } from '../database/tables/runs.ts'

export interface RunRecord {
  readonly run: RunId
  readonly agent: AgentId
  readonly command: readonly string[]
  readonly name: string | null
  readonly actor: string
  readonly state: RunState
  readonly reason: string | null
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly outputBytes: number
  /** The time of the host's last report about the run. */
  readonly seenAt: string | null
  readonly operation: OperationId
}

const words = z.array(z.string())

export function runRecord(row: Selectable<RunRecordTable>): RunRecord {
  return {
    run: runId.parse(row.id),
    agent: agentId.parse(row.agent),
    command: words.parse(JSON.parse(row.command)),
    name: row.name,
    actor: row.actor,
    state: row.status,
    reason: row.reason,
    startedAt: timeText(row.started_at),
    endedAt: timeText(row.ended_at),
    exitCode: row.exit_code,
    signal: row.signal,
    outputBytes: row.output_bytes,
    seenAt: timeText(row.seen_at),
    operation: operationId.parse(row.operation),
  }
}

const timeText = (ms: number | null): string | null => (ms === null ? null : rfc3339(ms))
