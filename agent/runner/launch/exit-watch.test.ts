/** Tests ends by signals above 31, for which Node has no names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runExitCode, describeRun } from '../../../shared/describe-run.ts'
import { signalName } from '../../../shared/signals.ts'
import { eventually, openRunnerHome } from '../testing/runner-home.ts'

test('PC-30: a run that a real-time signal ended is not a success', async () => {
  await using runner = await openRunnerHome()
  const said = 'printf "%0100000d" 1; echo bye >&2; '
  for (const number of [34, 35, 37, 50, 63, 64])
    for (const first of ['', said, 'exec 2>/dev/null; ', 'exec >/dev/null; ', 'sleep 0.1; ']) {
      const { run } = await runner.start(['sh', '-c', `${first}kill -${number} $$`])
      const status = await runner.client.wait(run)
      assert.deepEqual(
        [describeRun(status), runExitCode(status), status.exitCode],
        [`killed: ${signalName(number)}`, 128 + number, undefined],
        `${first}${number}`,
      )
    }
})

test('does not change exits with 0 and ends by named signals', async () => {
  await using runner = await openRunnerHome()
  for (const [script, words] of [
    ['echo a; exit 0', 'exited: 0'],
    ['exec >/dev/null 2>&1; exit 0', 'exited: 0'],
    ['exit 165', 'exited: 165'],
    ['kill -TERM $$', 'killed: SIGTERM'],
    // The program was stopped and continued. The kernel shows the signal of the stop in the same
    // field.
    ['(sleep 0.1; kill -CONT $$) & kill -STOP $$; wait; exit 0', 'exited: 0'],
  ] as const)
    assert.equal(
      describeRun(await runner.client.wait((await runner.start(['sh', '-c', script])).run)),
      words,
      script,
    )
})

test('a real-time signal can be sent to a run and can stop it', async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start([
    'bash',
    '-c',
    'trap "exit 9" RTMIN+3; echo up; while :; do sleep 0.05; done',
  ])
  await eventually('it is up', async () => (await runner.client.read(run, 'stdout', 0, 9)).size > 0)
  await runner.client.stop(run, { graceMs: 20_000, signal: 'SIGRTMIN+3' })
  const status = await runner.client.status(run)
  assert.deepEqual([status.state, status.exitCode, status.signal], ['stopped', 9, undefined])
})
