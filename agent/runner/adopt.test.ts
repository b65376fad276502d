import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { lives, readStat } from './containment/process-identity.ts'
import type { RunRecord } from './ground/run-state.ts'
import { type RunStatus } from './records/run-status.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { program } from './testing/programs.ts'
import { eventually, openRunnerHome, type RunnerHome } from './testing/runner-home.ts'

const DAY_MS = 86_400_000

/** Changes a run's record while no runner is running. */
async function rewrite(
  runner: RunnerHome,
  run: string,
  change: (record: RunRecord) => RunRecord,
): Promise<void> {
  await runner.killRunner()
  const path = join(runner.home, 'runs', run, 'record.json')
  await writeFile(
    path,
    JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')) as RunRecord)),
  )
}

const stream = async (runner: RunnerHome, run: RunStatus['run']): Promise<string> =>
  (await runner.output(run)).stdout.toString()

for (const containment of ['auto', 'none'] as const)
  test(`PC-24: runs continue without the runner and are adopted (${containment})`, async () => {
    await using runner = await openRunnerHome({ containment })
    const ticks = join(runner.home, 'ticks')
    await writeFile(ticks, '..')
    const counted = await runner.start(['sh', program('count-lines.sh'), '5', ticks])
    const deaf = await runner.start([program('ignore-sigterm.sh')])
    const short = await runner.start(['sleep', '0.2'])
    await eventually(
      'two lines',
      async () => (await runner.client.status(counted.run)).outputBytes.stdout === 14,
    )
    await eventually(
      'ready',
      async () => (await runner.client.status(deaf.run)).outputBytes.stdout > 0,
    )
    await runner.killRunner()
    assert.ok(lives(readStat(counted.pid as number)) && lives(readStat(deaf.pid as number)))
    await appendFile(ticks, '.')
    await eventually('the short run has ended', () => !lives(readStat(short.pid as number)))
    const found = await runner.client.status(counted.run)
    assert.deepEqual(
      [describeRun(found), found.supervised, found.pid],
      ['running', false, counted.pid],
    )
    assert.equal(describeRun(await runner.client.status(short.run)), 'lost: runner died')
    await appendFile(ticks, '..')
    assert.equal(describeRun(await runner.client.wait(counted.run)), 'lost: runner died')
    assert.equal(await stream(runner, counted.run), 'line 0\nline 1\nline 2\nline 3\nline 4\n')
    assert.equal(describeRun(await runner.client.stop(deaf.run, { graceMs: 50 })), 'stopped')
    assert.equal(lives(readStat(deaf.pid as number)), false)
  })

test('PC-24: a run with a full pipe waits for the next runner', async () => {
  await using runner = await openRunnerHome()
  const go = join(runner.home, 'go')
  const { run } = await runner.start([
    'sh',
    '-c',
    'while [ ! -e "$1" ]; do sleep 0.02; done; seq 1 60000; sleep 0.5',
    'sh',
    go,
  ])
  await runner.killRunner()
  await writeFile(go, '')
  const expected = Array.from({ length: 60_000 }, (_, index) => `${index + 1}\n`).join('')
  assert.equal(await stream(runner, run), expected)
})

test('PC-24: the next runner stops the remaining processes of an ended run', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start(['sh', '-c', 'sleep 614 & echo "left $!"'])
  const left = Number((await stream(runner, run)).slice('left '.length))
  await runner.killRunner()
  assert.equal(describeRun(await runner.client.stop(run, { graceMs: 1000 })), 'exited: 0')
  assert.equal(lives(readStat(left)), false)
})

test('PC-03: a stop does not signal another process with the same pid', async () => {
  await using runner = await openRunnerHome()
  const stranger = spawn('/bin/sleep', ['615'], { stdio: 'ignore', detached: true })
  await once(stranger, 'spawn')
  const pid = stranger.pid as number
  const { run } = await runner.start(['sleep', '616'])
  const another = await runner.start(['sleep', '617'])
  // The record has the same pid with another start time. A live process is outside of the run's
  // group.
  await rewrite(runner, run, (record) => ({
    ...record,
    process: { ...(record.process as NonNullable<typeof record.process>), pid },
  }))
  // Without control groups, only boot, pid and start time identify a process.
  const grouped = another.containment !== 'process group'
  if (grouped)
    await rewrite(runner, another.run, (record) => ({
      ...record,
      process: {
        ...(record.process as NonNullable<typeof record.process>),
        pid,
        startTime: readStat(pid)?.startTime ?? '',
      },
    }))
  for (const id of grouped ? [run, another.run] : [run]) {
    assert.equal(describeRun(await runner.client.status(id)), 'lost: runner died')
    assert.equal(describeRun(await runner.client.stop(id, { graceMs: 0 })), 'lost: runner died')
  }
  assert.ok(lives(readStat(pid)))
  stranger.kill('SIGKILL')
  await once(stranger, 'exit')
})

test('PC-04: after a reboot every run is lost and nothing is signalled', async () => {
  await using runner = await openRunnerHome()
  const { run, pid } = await runner.start(['sleep', '618'])
  await rewrite(runner, run, (record) => ({
    ...record,
    process: {
      ...(record.process as NonNullable<typeof record.process>),
      bootId: 'an earlier boot',
    },
  }))
  assert.equal(describeRun(await runner.client.status(run)), 'lost: reboot')
  assert.equal(describeRun(await runner.client.stop(run, { graceMs: 0 })), 'lost: reboot')
  assert.ok(lives(readStat(pid as number)))
  process.kill(pid as number, 'SIGKILL')
})

test('a time limit does not depend on the wall clock', async () => {
  for (const stepMs of [2 * DAY_MS, -30 * DAY_MS]) {
    await using runner = await openRunnerHome()
    const long = await runner.start(['sleep', '651'], {}, { timeoutMs: 3_600_000 })
    const short = await runner.start(['sleep', '652'], {}, { timeoutMs: 2000 })
    // With this wall clock, the run seems to have started at that time.
    for (const { run } of [long, short])
      await rewrite(runner, run, (record) => ({ ...record, startedAt: record.startedAt - stepMs }))
    assert.equal((await runner.client.wait(short.run)).reason, 'timeout')
    assert.equal(describeRun(await runner.client.status(long.run)), 'running')
  }
})
