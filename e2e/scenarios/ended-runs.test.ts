/**
 * Checks the reports of ended runs: exit codes, reasons and limits that are not enforced: exit
 * codes by cause, the reason, limits that are not enforced.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { connectRunner } from '../../agent/runner/socket/client.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { startFleet, within } from '../testing/fleet.ts'

/** Exits cleanly on SIGTERM. */
const CLEAN = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'

test('ended runs', async (t) => {
  await using fleet = await startFleet()
  await fleet.agent('h', [])
  const on = ['--on', 'h']
  const row = async (run: string): Promise<Record<string, unknown>> =>
    JSON.parse(await fleet.ok(['process', 'status', run, '-o', 'json'])) as Record<string, unknown>

  await t.test('PC-30: a run that reached its time limit is a failure', async () => {
    const run = await fleet.ok([
      'process',
      'start',
      ...on,
      '--timeout',
      '1s',
      '--',
      'sh',
      '-c',
      CLEAN,
    ])
    const waited = await fleet.muster(['process', 'wait', run])
    assert.deepEqual(
      [waited.code, waited.stderr],
      [124, 'killed: timeout: its time limit was reached (timeout)\n'],
    )
    const status = await fleet.muster(['process', 'status', run])
    assert.deepEqual(
      [status.stdout, status.stderr],
      ['killed: timeout\n', 'its time limit was reached (timeout)\n'],
    )
    const { state, reason, signal, exitCode } = await row(run)
    assert.deepEqual([state, reason, signal, exitCode], ['killed', 'timeout', null, 0])
    const watched = await fleet.muster(['run', ...on, '--timeout', '1s', '--', 'sleep', '660'])
    assert.equal(watched.code, 124)
    assert.match(watched.stderr, /^h: killed: SIGTERM: its time limit was reached \(timeout\)$/m)
    assert.match(
      await fleet.ok(['process', 'list', '--all']),
      /killed: SIGTERM \(timeout\)[^]*killed: timeout /,
    )
  })

  await t.test(
    'PC-30: waiting for a stopped run is a failure, and its status is stopped',
    async () => {
      const run = await fleet.ok(['process', 'start', ...on, '--', 'sh', '-c', CLEAN])
      await within(async () => (await fleet.ok(['process', 'output', run])) === 'up', 'it is up')
      assert.equal(await fleet.ok(['process', 'stop', run]), 'process stopped')
      const waited = await fleet.muster(['process', 'wait', run])
      assert.deepEqual([waited.code, waited.stderr], [143, 'stopped\n'])
      const status = await fleet.muster(['process', 'status', run])
      assert.deepEqual([status.stdout, status.stderr], ['stopped\n', ''])
    },
  )

  await t.test('PC-30: a run killed by a real-time signal is a failure', async () => {
    const ended = await fleet.muster(['run', ...on, '--', 'sh', '-c', 'kill -37 $$'])
    assert.deepEqual([ended.code, ended.stderr], [165, 'h: killed: SIGRTMIN+3\n'])
  })

  await t.test('reports limits that a host cannot enforce, in every format', async () => {
    const home = fleet.path('h')
    await (await connectRunner({ clock }, { home, spawnIfAbsent: true })).shutdown()
    const weak = ['--containment', 'none']
    await connectRunner({ clock }, { home, spawnIfAbsent: true, runnerArguments: weak })
    const limits = ['--memory', '64M', '--pids', '9']
    const remark = '--memory, --pids are not enforced on this host'
    const ended = await fleet.muster(['run', ...on, ...limits, '--', 'true'])
    assert.deepEqual([ended.code, ended.stderr], [0, `h: ${remark}\n`])
    const started = await fleet.muster([
      'process',
      'start',
      ...on,
      ...limits,
      '-q',
      '--',
      'sleep',
      '661',
    ])
    assert.equal(started.stderr, `h: ${remark}\n`)
    const run = started.stdout.trim()
    const status = await fleet.muster(['process', 'status', run])
    assert.deepEqual([status.stdout, status.stderr], ['running\n', `${remark}\n`])
    assert.deepEqual((await row(run))['unenforced'], ['memory', 'pids'])
    assert.match(
      await fleet.ok(['process', 'list']),
      /running \(--memory not enforced, --pids not enforced\)/,
    )
    const local = await fleet.muster(['process', 'start', '--local', '--cpu', '1', '--', 'true'], {
      home: 'h',
    })
    assert.equal(local.stderr, 'h: --cpu is not enforced on this host\n')
    const outcome = JSON.parse(
      await fleet.ok(['audit', 'log', '--count', '1', '-o', 'json']),
    ) as unknown
    assert.match(JSON.stringify(outcome), /unenforced/)
    await fleet.ok(['process', 'stop', run])
  })
})
