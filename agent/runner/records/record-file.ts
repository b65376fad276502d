/**
 * The records of runs on disk: `<runs>/<run id>/record.json`, replaced whole and durably at each
 * step of a run, so that whoever starts after a crash reads one step or the next.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurable } from '../../../shared/durable-file.ts'
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
  /** Folders whose record can't be read. They are left alone: somebody has to look. */
  readonly broken: readonly string[]
}

/** Reads every record below `runs`; removes folders that a crash left before their first record. */
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
      // Not what we wrote, or a disk that does not give it: the output beside it may still be
      // somebody's only one.
      broken.push(folder)
    }
  }
  return { records, broken }
}

/**
 * Undefined if there is none. Written by ourselves into a folder that is ours alone: only its form
 * is checked, not every field.
 */
function read(path: string): RunRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const record = JSON.parse(text) as RunRecord
  const isOurs =
    record.format === 1 && typeof record.state === 'string' && typeof record.output === 'object'
  if (!isOurs || typeof record.limits?.outputBytes !== 'number')
    throw new Error('it is no record of a run')
  return record
}
