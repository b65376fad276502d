import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { readBootId, readStat } from './containment/process-identity.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { eventually, openRunnerHome } from './testing/runner-home.ts'

/**
 * The numbers are a hundredth of those in the threat. They are large enough to find a leak of one
 * resource for each run.
 */
const SHORT_RUNS = 100
const RACES = 60
const AT_ONCE = 10

test('PC-21: many short runs leave no zombies, files or control groups', async () => {
  await using runner = await openRunnerHome()
  const { pid } = await runner.client.info()
  const files = (): number => readdirSync(`/proc/${pid}/fd`).length
  const groups = async (): Promise<number> => {
    const { run } = await runner.start(['cat', '/proc/self/cgroup'])
    const path = /^0::(.*)\/[^/]+$/m.exec((await runner.output(run)).stdout.toString())?.[1]
    const mounted = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].map((mount) => `${mount}${path}`)
    return mounted.flatMap(
      (folder) => (path?.includes('/muster/') === true && readdirSafely(folder)) || [],
    ).length
  }
  const before = files()
  const batch = async (): Promise<void> => {
    const { run } = await runner.start(['true'])
    assert.equal(describeRun(await runner.client.wait(run)), 'exited: 0')
  }
  for (let done = 0; done < SHORT_RUNS; done += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, batch))
  const children = readdirSync('/proc').filter((name) => readStat(Number(name))?.parent === pid)
  assert.deepEqual(children, [])
  // One connection may still be closing.
  await eventually('no more open files than before', () => files() <= before + 1)
  await eventually(
    'one control group: that of the run that looks',
    async () => (await groups()) <= 1,
  )
  assert.equal((await runner.client.list()).length >= SHORT_RUNS, true)
  assert.equal((await runner.client.info()).live, 0)
})

test('PC-22: a stop while the run ends by itself gives one result', async () => {
  await using runner = await openRunnerHome()
  const race = async (index: number): Promise<string> => {
    // The run ends by itself during the stop, at a different time in each race.
    const { run } = await runner.start(['sh', '-c', `sleep 0.0${index % 10}; exit 5`])
    const [stopped, waited] = await Promise.all([
      runner.client.stop(run, { graceMs: 5000 }),
      runner.client.wait(run),
    ])
    const later = await runner.client.status(run)
    assert.deepEqual(
      [stopped.state, stopped.exitCode, stopped.signal],
      [waited.state, waited.exitCode, waited.signal],
    )
    assert.deepEqual([later.state, later.endedAt], [waited.state, waited.endedAt])
    return describeRun(later)
  }
  const ends = new Set<string>()
  for (let done = 0; done < RACES; done += AT_ONCE)
    for (const end of await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => race(index))))
      ends.add(end)
  assert.deepEqual(
    [...ends].filter((end) => end !== 'stopped' && end !== 'exited: 5'),
    [],
  )
  assert.ok(readBootId().length > 0)
})

function readdirSafely(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    )
  } catch {
    return []
  }
}
