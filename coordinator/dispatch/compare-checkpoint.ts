/**
 * Compares the log with the checkpoints that hosts hold. If a host has seen entries that this log
 * lacks, the log was rolled back or replaced. The coordinator then freezes it (AL-04).
 */
import type { Logger } from '../../shared/logger.ts'
import type { Ledger } from '../audit/ledger.ts'
import { isOwnTrouble } from '../database/own-trouble.ts'
import type { AgentRecord } from '../registry/agents.ts'

/**
 * The number of checkpoints that are remembered as valid and not compared again. Hosts that follow
 * the log hold the same few.
 */
const MAX_SOUND = 64

export interface CheckpointComparisonDeps {
  readonly ledger: Ledger
  readonly log: Logger
}

export interface CheckpointComparison {
  /** @throws ledger.rolled-back, ledger.forked, audit.note, and this coordinator's own failures */
  compare(agent: AgentRecord, position: { readonly checkpoint?: string | undefined }): Promise<void>
}

export function createCheckpointComparison(deps: CheckpointComparisonDeps): CheckpointComparison {
  // Owned by compare(): checkpoints that fit the log, the oldest first.
  const sound = new Set<string>()
  return {
    async compare(agent, { checkpoint }) {
      if (checkpoint === undefined || sound.has(checkpoint)) return
      try {
        await deps.ledger.compareCheckpoint(checkpoint)
      } catch (error) {
        logFailure(deps.log, agent, error)
        throw error
      }
      const oldest = sound.size >= MAX_SOUND ? sound.values().next().value : undefined
      if (oldest !== undefined) sound.delete(oldest)
      sound.add(checkpoint)
    },
  }
}

/**
 * Logs why a comparison failed. A full disk or an unreachable database proves nothing about the
 * checkpoint.
 */
function logFailure(log: Logger, { name: host }: AgentRecord, error: unknown): void {
  if (isOwnTrouble(error)) log.warn({ host, error }, 'the checkpoint of a host was not compared')
  else log.error({ host, error }, 'the checkpoint that a host holds does not fit this log')
}
