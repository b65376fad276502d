import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runnerPaths } from '../ground/paths.ts'
import { loadRecords } from './record-file.ts'
import { endedRun } from '../testing/ended-runs.ts'
import { newRunId } from '../testing/runner-home.ts'

test('run records: keeps damaged records and removes unfinished ones', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'muster-records-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const { runs } = runnerPaths(home)
  const good = endedRun(home)
  const begun = join(runs, newRunId())
  mkdirSync(begun)
  const damaged: Record<string, (folder: string) => void> = {
    // A folder in place of the file causes a read error other than ENOENT.
    "a record that can't be read": (folder) => mkdirSync(join(folder, 'record.json')),
    'a record that is cut': (folder) => writeFileSync(join(folder, 'record.json'), '{"format":1,'),
    'a record of something else': (folder) =>
      writeFileSync(join(folder, 'record.json'), '{"format":1,"state":"exited","output":{}}'),
    'a record that is null': (folder) => writeFileSync(join(folder, 'record.json'), 'null'),
  }
  const folders = Object.entries(damaged).map(([, make]) => {
    const folder = join(runs, newRunId())
    mkdirSync(folder)
    writeFileSync(join(folder, 'stdout-0'), 'the only copy')
    make(folder)
    return folder
  })
  const file = join(runs, newRunId())
  writeFileSync(file, 'another program made it')
  writeFileSync(join(runs, 'notes.txt'), '')

  const { records, broken } = loadRecords(runs)
  assert.deepEqual(
    records.map(({ run }) => run),
    [good],
  )
  assert.deepEqual([...broken].sort(), [...folders, file].sort())
  assert.equal(existsSync(begun), false)
  for (const folder of folders) assert.ok(existsSync(join(folder, 'stdout-0')))
})
