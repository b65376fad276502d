import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock as clock } from '../../../shared/clock.ts'
import { connectRunner } from '../socket/client.ts'
import { runnerPaths } from '../ground/paths.ts'
import { DEFAULT_KEEP, type EndedRun, forgettable } from './retention.ts'
import { Run, type RunDeps } from '../runs/run.ts'
import { endedRun } from '../testing/ended-runs.ts'
import { eventually, newRunId } from '../testing/runner-home.ts'

const HOUR = 3_600_000
const GIB = 1024 ** 3
const ended = (hoursAgo: number, bytes = 0): EndedRun => ({
  run: newRunId(),
  ageMs: hoursAgo * HOUR,
  bytes,
})

test('removes the oldest ended runs above the number after an hour', () => {
  const old = Array.from({ length: 1003 }, (_, index) => ended(2 + index))
  const oldest = old
    .slice(1000)
    .reverse()
    .map(({ run }) => run)
  assert.deepEqual(forgettable(old), oldest)
  const fresh = Array.from({ length: 3000 }, () => ended(0.9))
  assert.deepEqual(forgettable(fresh), [])
  assert.equal(forgettable([...fresh, ...old]).length, 1003, 'recent ones count')
  assert.equal(forgettable(old, { ...DEFAULT_KEEP, runs: 0 }).length, 1003)
})

test('removes the oldest ended runs above the limit of bytes', () => {
  const [newest, middle, oldest] = [ended(0.2, 3 * GIB), ended(0.3, GIB), ended(0.4, 1)]
  assert.deepEqual(forgettable([oldest, middle, newest]), [oldest.run])
})

test('removes ended runs above the age, but not within ten minutes', () => {
  const [week, month] = [ended(7 * 24 - 1), ended(30 * 24)]
  assert.deepEqual(forgettable([week, month], { ...DEFAULT_KEEP, days: 7 }), [month.run])
  const justNow = Array.from({ length: 12_000 }, () => ended(0.1, GIB))
  assert.deepEqual(forgettable(justNow, { runs: 0, bytes: 0, days: 0 }), [])
})

test('PC-21: keeps ten thousand ended runs of the last hour', () => {
  const storm = Array.from({ length: 30_000 }, (_, index) => ended(0.2 + index / 60_000))
  assert.equal(forgettable(storm).length, 20_000)
})

test('ended runs: a runner applies the retention settings of the agent', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-keep-'))
  const runs = Array.from({ length: 5 }, (_, index) =>
    endedRun(home, { endedAt: clock.now() - (10 - index) * HOUR }),
  )
  const before = await connectRunner({ clock }, { home, spawnIfAbsent: true })
  assert.equal((await before.list()).length, 5)
  const client = await connectRunner(
    { clock },
    { home, spawnIfAbsent: true, keep: { runs: 2, bytes: GIB } },
  )
  await eventually('three are forgotten', async () => (await client.list()).length === 2)
  const { runs: folder } = runnerPaths(home)
  await eventually('and gone', () =>
    runs.slice(0, 3).every((run) => !existsSync(join(folder, run))),
  )
  assert.deepEqual(
    (await client.list()).map(({ run }) => run),
    runs.slice(3),
  )
  await client.shutdown()
  await rm(home, { recursive: true, force: true })
})

test('runner list: lists a thousand runs with long commands', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-list-'))
  const command = Array.from({ length: 32 }, () => '\u0001走'.repeat(256))
  const runs = Array.from({ length: 600 }, () => endedRun(home, { command, endedAt: clock.now() }))
  const client = await connectRunner({ clock }, { home, spawnIfAbsent: true })
  assert.deepEqual(
    (await client.list()).map(({ run }) => run),
    [...runs].sort(),
  )
  await client.shutdown()
  await rm(home, { recursive: true, force: true })
})

test('ended runs: a clock that was set back does not keep runs forever', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-age-'))
  const at = { now: clock.now(), monotonic: 1000 }
  const stepped = { ...clock, now: () => at.now, monotonic: () => at.monotonic }
  const deps = { clock: stepped } as unknown as RunDeps
  const load = (endedAt: number): Run => {
    const id = endedRun(home, { endedAt })
    const folder = join(runnerPaths(home).runs, id)
    return new Run(deps, folder, JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')))
  }
  const [past, future] = [load(at.now - HOUR), load(at.now + 720 * HOUR)]
  await Promise.resolve()
  assert.deepEqual([past.ageMs(), future.ageMs()], [HOUR, 0])
  at.monotonic += 2 * HOUR
  at.now -= 8760 * HOUR
  assert.deepEqual([past.ageMs(), future.ageMs()], [3 * HOUR, 2 * HOUR])
  await rm(home, { recursive: true, force: true })
})
