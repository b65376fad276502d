import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runnerError } from '../ground/errors.ts'
import { lives, readStat } from '../containment/process-identity.ts'
import { describeRun } from '../../../shared/describe-run.ts'
import { program } from '../testing/programs.ts'
import {
  type Containment,
  eventually,
  openRunnerHome,
  type RunnerHome,
} from '../testing/runner-home.ts'
import type { RunId } from '../../../shared/ids.ts'

const CONTAINMENTS: readonly Containment[] = ['auto', 'cgroup1', 'none']

/** Waits until the run has written a line that matches. Returns the match. */
function waitFor(runner: RunnerHome, run: RunId, pattern: RegExp): Promise<string> {
  return eventually(`the run writes ${pattern}`, async () => {
    const { bytes } = await runner.client.read(run, 'stdout', 0, 4096)
    return pattern.exec(Buffer.from(bytes).toString())?.at(-1)
  })
}

for (const containment of CONTAINMENTS) {
  test(`PC-08: a stop ends all processes of a run (${containment})`, async () => {
    await using runner = await openRunnerHome({ containment })
    // Children inherit an ignored signal, so only SIGKILL ends the grandchild. It is in another
    // process group.
    const daemon = await runner.start([
      'sh',
      '-c',
      'trap "" TERM; exec "$@"',
      'sh',
      program('spawn-setsid-child.sh'),
      join(runner.home, 'pid'),
    ])
    const grandchild = Number(await waitFor(runner, daemon.run, /ready \d+ (\d+)/))
    assert.equal(readStat(grandchild)?.session, grandchild)
    const deaf = await runner.start([program('ignore-sigterm.sh')])
    await waitFor(runner, deaf.run, /ready/)
    const [first, second] = await Promise.all(
      [daemon, deaf].map(({ run }) => runner.client.stop(run, { graceMs: 200 })),
    )
    assert.deepEqual(
      [first, second].map((status) => describeRun(status as never)),
      ['stopped', 'stopped'],
    )
    assert.equal(second?.signal, 'SIGKILL')
    for (const pid of [grandchild, daemon.pid, deaf.pid])
      assert.equal(lives(readStat(pid as number)), false)
  })

  test(`a stop ends processes that remain after the program (${containment})`, async () => {
    await using runner = await openRunnerHome({ containment })
    const { run } = await runner.start(['sh', '-c', 'sleep 615 & echo "left $!"'])
    const left = Number(await waitFor(runner, run, /left (\d+)/))
    assert.equal(describeRun(await runner.client.wait(run)), 'exited: 0')
    assert.ok(lives(readStat(left)))
    assert.equal(describeRun(await runner.client.stop(run, { graceMs: 10_000 })), 'exited: 0')
    assert.equal(lives(readStat(left)), false)
  })
}

test('concurrent stops and a later one have the same result', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start(['sleep', '616'])
  const stops = await Promise.all(
    [1, 2, 3, 4, 5].map(() => runner.client.stop(run, { graceMs: 10_000 })),
  )
  for (const status of stops)
    assert.deepEqual([describeRun(status), status.signal], ['stopped', 'SIGTERM'])
  assert.equal(describeRun(await runner.client.stop(run, { graceMs: 0 })), 'stopped')
})

test('a run that ends after the signal is `stopped` with any exit code', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start([
    'sh',
    '-c',
    'trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done',
  ])
  await waitFor(runner, run, /ready/)
  const status = await runner.client.stop(run, { graceMs: 20_000 })
  assert.deepEqual([describeRun(status), status.exitCode], ['stopped', 3])
  assert.match((await runner.output(run)).stdout.toString(), /bye/)
})

test('a second stop shortens the grace period of the first', async () => {
  await using runner = await openRunnerHome()
  const polite = await runner.start([
    'sh',
    '-c',
    'trap "exit 4" HUP; echo ready; while :; do sleep 0.05; done',
  ])
  await waitFor(runner, polite.run, /ready/)
  assert.equal(
    (await runner.client.stop(polite.run, { graceMs: 20_000, signal: 'hup' })).exitCode,
    4,
  )
  const deaf = await runner.start([program('ignore-sigterm.sh')])
  await waitFor(runner, deaf.run, /ready/)
  const patient = runner.client.stop(deaf.run, { graceMs: 600_000 })
  assert.equal(describeRun(await runner.client.stop(deaf.run, { graceMs: 0 })), 'stopped')
  assert.equal((await patient).signal, 'SIGKILL')
})

test('a signal goes to the main process of a live run', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start([
    'sh',
    '-c',
    'trap "echo got it" USR1; echo ready; while :; do sleep 0.05; done',
  ])
  await waitFor(runner, run, /ready/)
  await runner.client.signal(run, 'USR1')
  await waitFor(runner, run, /got it/)
  await assert.rejects(runner.client.signal(run, 'SIGNOTHING'), (error) =>
    runnerError.is(error, 'runner.invalid-request'),
  )
  await runner.client.signal(run, 'SIGKILL')
  assert.equal(describeRun(await runner.client.wait(run)), 'killed: SIGKILL')
  await assert.rejects(runner.client.signal(run, 'USR1'), (error) =>
    runnerError.is(error, 'runner.ended'),
  )
})

test('PC-08: without control groups, a stop ends a hidden daemon', async () => {
  await using runner = await openRunnerHome({ containment: 'none' })
  const pidFile = join(runner.home, 'daemon')
  // The daemon forks twice, so that its parent ends before the runner checks. It also changes all
  // traits of the run.
  const script = `sleep 641 & echo $! >${pidFile}.new; mv ${pidFile}.new ${pidFile}`
  const daemon = `env -i setsid sh -c '${script}' </dev/null >/dev/null 2>&1 &`
  const { run } = await runner.start(['sh', '-c', `(${daemon}) ; sleep 640`])
  const pid = Number(await eventually('the daemon runs', () => readText(pidFile)))
  assert.ok(lives(readStat(pid)))
  await runner.killRunner()
  // The next runner does not know the parents of these processes.
  assert.equal(describeRun(await runner.client.stop(run, { graceMs: 2000 })), 'stopped')
  assert.equal(lives(readStat(pid)), false)
})

test('without control groups, a stop ends no process of another run', async () => {
  await using runner = await openRunnerHome({ containment: 'none' })
  const [one, other] = [await runner.start(['sleep', '642']), await runner.start(['sleep', '643'])]
  assert.equal(describeRun(await runner.client.stop(one.run, { graceMs: 2000 })), 'stopped')
  assert.equal(describeRun(await runner.client.status(other.run)), 'running')
})

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
