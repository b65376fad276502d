import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { describeRun } from '../../shared/describe-run.ts'
import { newRunId, openRunnerHome } from './testing/runner-home.ts'

test('PC-16: a repeated start after any crash never starts a second child', async () => {
  const file = fileURLToPath(new URL('./testing/crashing-runner.ts', import.meta.url))
  const states: string[] = []
  for (let moment = 1; states.at(-1) !== 'quiet'; moment += 1) {
    await using runner = await openRunnerHome()
    await runner.client.shutdown()
    const marks = join(runner.home, 'marks')
    const order = {
      run: newRunId(),
      command: ['sh', '-c', 'echo x >>"$1"; exit 3', 'sh', marks],
      env: {},
      limits: { outputBytes: 1024 * 1024 },
    }
    const crashing = spawn(
      process.execPath,
      [file, runner.home, JSON.stringify(order), String(moment)],
      { stdio: 'ignore' },
    )
    const [code] = (await once(crashing, 'exit')) as [number | null]
    await runner.client.start(order)
    const status = await runner.client.wait(order.run)
    const started = (await readFile(marks, 'utf8').catch(() => '')).length / 2
    assert.ok(started <= 1, `${started} children after a crash at write ${moment}`)
    // A report of an exit code means that the program ran. A failed start means that it did not
    // run.
    if (status.state === 'exited') assert.equal(started, 1)
    if (status.state === 'failed to start') assert.equal(started, 0)
    states.push(code === 0 ? 'quiet' : describeRun(status))
  }
  // The writes before each crash: none, the definition, the start of the program, everything. A
  // crash after the write of the end, but before that of the output, also leads to `exited: 3`.
  const told = [
    'exited: 3',
    'failed to start: EINTR: the runner died before the program began',
    'lost: runner died',
    'quiet',
  ]
  assert.deepEqual([...new Set(states)], told)
})
