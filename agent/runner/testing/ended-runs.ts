/**
 * Writes records of ended runs as an earlier runner does. With them, a test need not start
 * thousands of runs.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunId } from '../../../shared/ids.ts'
import { runnerPaths } from '../ground/paths.ts'
import type { RunRecord } from '../ground/run-state.ts'
import { newRunId } from './runner-home.ts'

export function endedRun(home: string, changes: Partial<RunRecord> = {}): RunId {
  const record: RunRecord = {
    format: 1,
    run: newRunId(),
    digest: '0'.repeat(64),
    command: ['true'],
    limits: { outputBytes: 64 * 1024 },
    state: 'exited',
    exitCode: 0,
    startedAt: 0,
    endedAt: 0,
    enforcement: 'enforced',
    supervised: true,
    output: { stdout: 0, stderr: 0, dropped: 0 },
    ...changes,
  }
  const folder = join(runnerPaths(home).runs, record.run)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, 'record.json'), JSON.stringify(record))
  return record.run
}
