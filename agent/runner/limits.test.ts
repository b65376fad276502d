import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeRun } from '../../shared/describe-run.ts'
import { lives, readStat } from './containment/process-identity.ts'
import { program } from './testing/programs.ts'
import { type Containment, openRunnerHome } from './testing/runner-home.ts'

const MIB = 1024 * 1024

for (const containment of ['auto', 'cgroup1'] as const satisfies readonly Containment[]) {
  test(`PC-10: only the run above its memory limit is killed (${containment})`, async () => {
    await using runner = await openRunnerHome({ containment })
    const beside = await runner.start(['sleep', '616'])
    // The shell is small. Without memory.oom.group, only its child would be killed.
    const hog = await runner.start(
      ['sh', '-c', 'tail /dev/zero; sleep 617'],
      {},
      { memoryBytes: 48 * MIB },
    )
    if (hog.limits === 'weak') return void (await runner.client.stop(hog.run, { graceMs: 0 }))
    const ended = await runner.client.wait(hog.run)
    assert.deepEqual([ended.state, ended.reason], ['killed', 'oom'])
    assert.equal(describeRun(await runner.client.status(beside.run)), 'running')
    assert.equal(
      describeRun(await runner.client.wait((await runner.start(['true'])).run)),
      'exited: 0',
    )
  })

  test(`PC-09: a fork bomb stays below its limit and is stopped (${containment})`, async () => {
    await using runner = await openRunnerHome({ containment })
    const bomb = await runner.start([program('fork-bomb.sh')], {}, { pids: 30 })
    if (bomb.limits === 'enforced') {
      assert.equal(
        describeRun(await runner.client.wait((await runner.start(['true'])).run)),
        'exited: 0',
      )
      assert.equal(describeRun(await runner.client.status(bomb.run)), 'running')
    }
    assert.equal(describeRun(await runner.client.stop(bomb.run, { graceMs: 50 })), 'stopped')
  })
}

test('without control groups, limits are reported as weak', async () => {
  await using runner = await openRunnerHome({ containment: 'none' })
  const status = await runner.start(['sleep', '618'], {}, { memoryBytes: MIB })
  assert.deepEqual([status.limits, status.containment], ['weak', 'process group'])
  assert.deepEqual(status.unenforced, ['memory'])
  const bare = await runner.start(['sleep', '618'])
  assert.deepEqual([bare.limits, bare.unenforced], ['weak', undefined])
  const all = await runner.start(['sleep', '618'], {}, { memoryBytes: MIB, pids: 9, cpu: 1 })
  assert.deepEqual(all.unenforced, ['memory', 'pids', 'cpu'])
  await runner.killRunner()
  assert.deepEqual((await runner.client.status(all.run)).unenforced, ['memory', 'pids', 'cpu'])
  assert.equal(describeRun(await runner.client.stop(status.run, { graceMs: 1000 })), 'stopped')
})

test('a timeout sends SIGTERM, then SIGKILL, and is the reason', async () => {
  await using runner = await openRunnerHome()
  const polite = await runner.start(['sleep', '619'], {}, { timeoutMs: 50 })
  const ended = await runner.client.wait(polite.run)
  assert.deepEqual([ended.state, ended.reason, ended.signal], ['killed', 'timeout', 'SIGTERM'])
  const quick = await runner.start(['true'], {}, { timeoutMs: 60_000 })
  assert.equal(describeRun(await runner.client.wait(quick.run)), 'exited: 0')
})

test('a time limit does not apply to processes that remain after the program', async () => {
  await using runner = await openRunnerHome()
  const script = 'setsid sleep 620 >/dev/null 2>&1 & echo $!'
  const { run } = await runner.start(['sh', '-c', script], {}, { timeoutMs: 1_000 })
  assert.equal(describeRun(await runner.client.wait(run)), 'exited: 0')
  const left = Number((await runner.output(run)).stdout)
  // This run started later, so its timeout is later.
  const { run: later } = await runner.start(['sleep', '621'], {}, { timeoutMs: 1_000 })
  assert.equal((await runner.client.wait(later)).reason, 'timeout')
  assert.ok(lives(readStat(left)))
  await runner.client.stop(run, { graceMs: 0 })
  assert.equal(lives(readStat(left)), false)
})

test('a processor limit is enforced', async () => {
  await using runner = await openRunnerHome()
  // The test measures the processor time of one busy second. The limit is a tenth of a processor.
  const script =
    'end=$(($(date +%s%N) + 600000000)); ' +
    'while [ "$(date +%s%N)" -lt "$end" ]; do :; done; cat /proc/$$/stat'
  const { run, limits } = await runner.start(['sh', '-c', script], {}, { cpu: 0.1 })
  const fields = (await runner.output(run)).stdout.toString().trim().split(' ')
  const ticks = [13, 14, 15, 16].reduce((sum, index) => sum + Number(fields[index]), 0)
  if (limits === 'enforced')
    assert.ok(ticks <= 20, `${ticks} hundredths of a second of processor time in 0.6 s`)
})
