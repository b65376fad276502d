/**
 * The records of runs on disk: `<runs>/<run id>/record.json`. Each step of a run replaces the file
 * atomically and durably. After a crash, the file has the state before or after the step.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurable } from '../../../shared/durable-file.ts'
import { errno } from '../../../shared/errno.ts'
import { runId } from '../../../shared/ids.ts'
import type { Random } from '../../../shared/random.ts'
import type { RunRecord } from '../ground/run-state.ts'

const NAME = 'record.json'

export async function saveRecord(
  deps: { random: Random },
  folder: string,
  record: RunRecord,
): Promise<void> {
  await writeDurable(deps, join(folder, NAME), JSON.stringify(record))
}

export interface LoadedRecords {
  readonly records: readonly RunRecord[]
  /** Folders whose record can't be read. They are kept for the operator. */
  readonly broken: readonly string[]
}

/** Reads all records below `runs`, and removes the folders that a crash left without a record. */
export function loadRecords(runs: string): LoadedRecords {
  const records: RunRecord[] = []
  const broken: string[] = []
  for (const name of readdirSync(runs).filter(runId.is)) {
    const folder = join(runs, name)
    try {
      for (const temporary of readdirSync(folder).filter((file) => file.endsWith('.tmp')))
        rmSync(join(folder, temporary))
      const record = read(join(folder, NAME))
      if (record === undefined) rmSync(folder, { recursive: true })
      else if (record.run === name) records.push(record)
      else broken.push(folder)
    } catch {
      // The record has another format, or the disk failed. The output in the folder is kept.
      broken.push(folder)
    }
  }
  return { records, broken }
}

/**
 * Reads a record. Returns undefined if there is none. Only the runner writes in this folder, so not
 * every field is checked.
 */
function read(path: string): RunRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
  const record: unknown = JSON.parse(text)
  if (!isRecord(record)) throw new Error('it is not a record of a run')
  return record
}

function isRecord(value: unknown): value is RunRecord {
  if (typeof value !== 'object' || value === null) return false
  if (!('format' in value && 'state' in value && 'output' in value && 'limits' in value))
    return false
  const { format, state, output, limits } = value
  return (
    format === 1 &&
    typeof state === 'string' &&
    typeof output === 'object' &&
    typeof limits === 'object' &&
    limits !== null &&
    'outputBytes' in limits &&
    typeof limits.outputBytes === 'number'
  )
}
