/** Checks that `doctor`, `status` and `agent list` report each kind of failure. */
import assert from 'node:assert/strict'
import { cp, rename, rm, writeFile } from 'node:fs/promises'
import test from 'node:test'
import { type Fleet, type RunOptions, startFleet, within } from '../testing/fleet.ts'
import { shiftClock } from '../testing/shift-clock.ts'

interface Row {
  readonly check: string
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly detail: string
  readonly fix?: string
}

async function doctor(
  fleet: Fleet,
  options: RunOptions & { args?: readonly string[] } = {},
): Promise<{ code: number; of: (check: string) => Row; rows: Row[] }> {
  const { args = [], ...run } = options
  const { code, stdout, stderr } = await fleet.muster(['doctor', '-o', 'json', ...args], run)
  const rows = JSON.parse(stdout) as Row[]
  const of = (check: string): Row => {
    const row = rows.find((one) => one.check === check)
    assert.ok(row, `no finding of ${check}: ${stdout}${stderr}`)
    return row
  }
  return { code, of, rows }
}

/** The coordinator uses the same port again, so that hosts reconnect to it. */
async function keepPort(fleet: Fleet, ready: readonly string[]): Promise<void> {
  const port = /tcp\/(\d+)\//.exec(ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
}

test('doctor: a working fleet is ok on the coordinator, on a host and with a ticket', async () => {
  await using fleet = await startFleet({ agents: 1 })
  const here = await doctor(fleet)
  assert.equal(here.code, 0, JSON.stringify(here.rows))
  for (const check of ['coordinator', 'clock', 'log', 'hosts', 'host clocks', 'repositories'])
    assert.equal(here.of(check).status, 'ok', JSON.stringify(here.of(check)))
  const host = await doctor(fleet, { home: 'a1' })
  assert.equal(host.code, 0, JSON.stringify(host.rows))
  assert.equal(host.of('agent').status, 'ok')
  assert.equal(host.of('log').status, 'ok')
  const ticket = await fleet.ok(['ticket'])
  const away = await doctor(fleet, { home: 'nowhere', args: ['--coordinator', ticket] })
  assert.equal(away.of('hosts').status, 'ok', JSON.stringify(away.rows))
  // This key may not observe the fleet. Checks that it can't perform are skipped, never ok.
  const eye = await fleet.key('eye')
  const stranger = await doctor(fleet, { home: 'a1', identity: eye })
  assert.equal(stranger.of('coordinator').status, 'ok')
  for (const check of ['log', 'hosts', 'host clocks', 'repositories'])
    assert.equal(stranger.of(check).status, 'skipped')
  // The error of a coordinator's command on a host names the home and the fix.
  for (const words of [
    ['agent', 'list'],
    ['repo', 'list'],
    ['process', 'list'],
  ]) {
    const { code, stderr } = await fleet.muster(words, { home: 'a1' })
    assert.equal(code, 2, stderr)
    assert.match(stderr, /no coordinator is named: .*a1 is the home of an agent\n.*--coordinator/)
  }
  const nowhere = await fleet.muster(['status'], { home: 'nowhere' })
  assert.match(nowhere.stderr, /nowhere is not a home of a coordinator/)
})

test('doctor: a stopped coordinator or agent and a lost host are failures', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const coordinator = await fleet.coordinator()
  await keepPort(fleet, coordinator.ready)
  const agent = await fleet.agent('a1')
  await fleet.agent('a2')
  await agent.stop('SIGKILL')
  const gone = await within(async () => {
    const seen = await doctor(fleet)
    return seen.of('hosts').status === 'fail' && seen
  }, 'the end of the connection')
  assert.equal(gone.code, 1)
  assert.match(gone.of('hosts').detail, /1 host not connected: a1/)
  assert.match((await fleet.muster(['status'])).stderr, /1 host not connected: muster agent list/)
  const host = await doctor(fleet, { home: 'a1' })
  assert.deepEqual([host.code, host.of('agent').status], [1, 'fail'])
  assert.match(host.of('agent').fix ?? '', /muster agent run --home/)
  await coordinator.stop()
  for (const home of ['coordinator', 'a1']) {
    const { code, of } = await doctor(fleet, { home })
    assert.deepEqual([code, of('coordinator').status], [1, 'fail'], home)
    for (const check of ['log', 'hosts', 'clock']) assert.equal(of(check).status, 'skipped', home)
  }
  const left = await within(async () => {
    const found = await doctor(fleet, { home: 'a2' })
    return found.of('agent').status === 'fail' && found
  }, 'the other agent losing its coordinator')
  assert.match(left.of('agent').detail, /a2 runs, but is not connected to a coordinator/)
})

test('doctor and status: a frozen log is a failure, also in the exit code', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const first = await fleet.coordinator()
  await keepPort(fleet, first.ready)
  await fleet.agent('a1')
  await first.stop()
  await cp(fleet.path('coordinator'), fleet.path('backup'), {
    recursive: true,
    filter: (from) => !from.endsWith('.sock'),
  })
  const second = await fleet.coordinator()
  await within(
    async () => (await fleet.muster(['run', '--on', 'a1', '--', 'true'])).code === 0,
    'a run on the host that came back',
  )
  await second.stop()
  await rm(fleet.path('coordinator'), { recursive: true })
  await rename(fleet.path('backup'), fleet.path('coordinator'))
  await fleet.coordinator()
  const frozen = await within(async () => {
    const seen = await doctor(fleet)
    return seen.of('log').status === 'fail' && seen
  }, 'the log being frozen')
  assert.equal(frozen.code, 1)
  assert.match(frozen.of('log').detail, /the log is frozen, and every change is refused: /)
  const { code, stdout, stderr } = await fleet.muster(['status'])
  assert.deepEqual(
    [code, /frozen: /.test(stdout), /the log is frozen/.test(stderr)],
    [9, true, true],
  )
  const json = JSON.parse((await fleet.muster(['status', '-o', 'json'])).stdout) as {
    log: { frozen: string | null }
  }
  assert.match(json.log.frozen ?? '', /rolled back/)
})

test('doctor: reports missing and invalid files of an upstream by name', async () => {
  await using fleet = await startFleet()
  const cert = fleet.path('client.pem')
  await fleet.configure(
    'coordinator',
    '20-cdn.yaml',
    [
      'name: cdn\ntype: rpm\nupstream: { url: "https://127.0.0.1:9/" }\n',
      `credentials: { type: client_cert, cert: ${cert}, key: ${fleet.path('client.key')} }\n`,
    ].join(''),
  )
  const missing = await doctor(fleet)
  assert.equal(missing.code, 1)
  const files = missing.rows.filter(({ check }) => check === 'files')
  assert.deepEqual(
    files.map(({ status, detail }) => [status, detail.replace(fleet.folder, '')]),
    [
      ['fail', 'cdn: credentials.cert /client.pem is missing'],
      ['fail', 'cdn: credentials.key /client.key is missing'],
    ],
  )
  await writeFile(cert, 'not a certificate\n')
  await writeFile(fleet.path('client.key'), 'not a key\n')
  const wrong = (await doctor(fleet)).rows.filter(({ check }) => check === 'files')
  assert.match(wrong[0]?.detail ?? '', /contains no PEM certificate/)
  assert.match(wrong[1]?.detail ?? '', /is not a PEM private key/)
})

test('doctor and agent list: report a clock that is an hour off, here and on a host', async () => {
  await using fleet = await startFleet()
  const ahead = await shiftClock(fleet.path('ahead.mjs'), 3_600_000)
  const here = await doctor(fleet, { env: ahead })
  assert.deepEqual([here.code, here.of('clock').status], [1, 'fail'])
  assert.match(here.of('clock').detail, /the clock of this machine is 1h 0m ahead of/)
  const agent = await fleet.agent('a1')
  assert.equal((await doctor(fleet)).of('host clocks').status, 'ok')
  await agent.stop()
  await fleet.start('a1', ['agent', 'run'], ['env', `NODE_OPTIONS=${ahead.NODE_OPTIONS}`])
  const seen = await within(async () => {
    const found = await doctor(fleet)
    return found.of('host clocks').status === 'fail' && found
  }, 'the coordinator seeing the clock of the host')
  assert.match(seen.of('host clocks').detail, /the clock of a1 is 1h 0m ahead of/)
  assert.match(await fleet.ok(['agent', 'list']), /a1 +connected, clock 1h 0m ahead/)
  assert.match(await fleet.ok(['agent', 'show', 'a1']), /clock +1h 0m ahead/)
})
