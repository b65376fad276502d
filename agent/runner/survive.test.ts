import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lives, readStat } from './containment/process-identity.ts'
import { type RunStatus } from './records/run-status.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { program } from './testing/programs.ts'
import { eventually, newRunId, openRunnerHome } from './testing/runner-home.ts'

const limits = { outputBytes: 1024 * 1024 }

/** Starts the run from a separate process that takes the place of the agent. */
async function agent(
  home: string,
  order: object,
): Promise<{ child: ChildProcess; status: RunStatus }> {
  const file = fileURLToPath(new URL('./testing/agent-stand-in.ts', import.meta.url))
  const child = spawn(process.execPath, [file, home, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, status: JSON.parse(line.toString()) as RunStatus }
}

test('PC-01: a run continues while its agent is killed and restarted', async () => {
  await using runner = await openRunnerHome()
  const ticks = join(runner.home, 'ticks')
  await writeFile(ticks, '')
  const order = {
    run: newRunId(),
    command: ['sh', program('count-lines.sh'), '6', ticks],
    env: {},
    limits,
  }
  const first = await agent(runner.home, order)
  await appendFile(ticks, '..')
  await eventually(
    'two lines',
    async () => (await runner.client.status(order.run)).outputBytes.stdout === 14,
  )
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await appendFile(ticks, '..')
  const second = await agent(runner.home, order)
  assert.equal(second.status.pid, first.status.pid, 'the same order names the same run')
  await appendFile(ticks, '..')
  assert.equal(describeRun(await runner.client.wait(order.run)), 'exited: 7')
  assert.equal(
    (await runner.output(order.run)).stdout.toString(),
    'line 0\nline 1\nline 2\nline 3\nline 4\nline 5\n',
  )
  second.child.kill('SIGKILL')
  await once(second.child, 'exit')
})

test('PC-02: the exit code of a run without an agent can be read later', async () => {
  await using runner = await openRunnerHome()
  const ticks = join(runner.home, 'ticks')
  await writeFile(ticks, '')
  const { child, status } = await agent(runner.home, {
    run: newRunId(),
    command: ['sh', program('count-lines.sh'), '1', ticks],
    env: {},
    limits,
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await appendFile(ticks, '.')
  await eventually('the run has ended', () => !lives(readStat(status.pid as number)))
  assert.equal(describeRun(await runner.client.wait(status.run)), 'exited: 7')
})
