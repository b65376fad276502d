/**
 * Tests runs whose host, agent or coordinator stops: the shown state, and commands that follow the
 * runs.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import type { RunRow } from '../../protocols/control/messages.ts'
import { type Fleet, startFleet, within } from '../testing/fleet.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'muster')

interface Watching {
  /** The output so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<number>
}

/** A command that runs in the background of the test. */
function begin(fleet: Fleet, words: readonly string[]): Watching {
  const child = spawn(BIN, words, {
    env: {
      PATH: process.env['PATH'],
      HOME: fleet.folder,
      MUSTER_HOME: fleet.path('coordinator'),
      MUSTER_IDENTITY: fleet.path('operator'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (chunk: string) => (text[stream] += chunk))
  return {
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1))),
  }
}

const statusOf = async (fleet: Fleet, run: string): Promise<RunRow> =>
  JSON.parse(await fleet.ok(['process', 'status', run, '-o', 'json'])) as RunRow

/** Starts a command on the host that prints a line for each file that the test creates. */
const lines = (folder: string, count: number): string[] => [
  'sh',
  '-c',
  `for n in $(seq ${count}); do while ! test -e ${folder}/go-$n; do sleep 0.05; done; ` +
    'echo line $n; done; exit 9',
]

test('silent host: its run is marked, and commands wait until the host returns', async () => {
  await using fleet = await startFleet({ coordinator: false })
  const coordinator = await fleet.coordinator()
  const port = /tcp\/(\d+)\//.exec(coordinator.ready[1] as string)?.[1] as string
  await fleet.configure(
    'coordinator',
    '00-test.yaml',
    `listen: ["/ip4/127.0.0.1/tcp/${port}"]\nhttp: { listen: "127.0.0.1:0" }\n`,
  )
  const agent = await fleet.agent('a1')
  const go = (n: number) => writeFile(fleet.path(`go-${n}`), '')
  const run = await fleet.ok(['process', 'start', '--on', 'a1', '--', ...lines(fleet.folder, 3)])
  assert.equal(await fleet.ok(['process', 'status', run]), 'running')
  const alive = await statusOf(fleet, run)
  assert.deepEqual([alive.stale, alive.contact, alive.unreachableSince], [false, 'answered', null])

  const wait = begin(fleet, ['process', 'wait', run])
  const stream = begin(fleet, ['process', 'stream', run])
  await go(1)
  await within(async () => stream.stdout() === 'line 1\n', 'the first line')
  await agent.stop('SIGKILL')
  const gone = await within(async () => {
    const row = await statusOf(fleet, run)
    return row.stale === true && row
  }, 'the host being noticed as gone')
  assert.deepEqual([gone.status, gone.contact], ['running', 'offline'])
  assert.equal(Number.isNaN(Date.parse(gone.unreachableSince ?? '')), false)
  assert.equal(Number.isNaN(Date.parse(gone.seenAt ?? '')), false)
  const shown = await fleet.muster(['process', 'status', run])
  assert.equal(shown.code, 0)
  assert.match(shown.stdout, /^running \(a1 offline since \d\d:\d\d\)\n$/)
  assert.match(shown.stderr, /a1 does not answer/)
  assert.match(await fleet.ok(['process', 'list']), /running \(a1 offline since \d\d:\d\d\)/)
  const limited = await fleet.muster(['process', 'wait', run, '--timeout', '2s'])
  assert.equal(limited.code, 8, limited.stderr)

  // The host is back, and both commands continue at the next byte.
  await go(2)
  await fleet.start('a1', ['agent', 'run'])
  await within(async () => stream.stdout() === 'line 1\nline 2\n', 'the second line')
  await coordinator.stop('SIGKILL')
  await fleet.coordinator()
  await go(3)
  assert.equal(await wait.ended, 9, wait.stderr())
  assert.equal(await stream.ended, 0, stream.stderr())
  assert.equal(stream.stdout(), 'line 1\nline 2\nline 3\n')
  assert.match(stream.stderr(), new RegExp(`waiting for it, run ${run} may continue`))
  assert.equal(await fleet.ok(['process', 'status', run]), 'exited: 9')
})

test('silent host: muster run survives a restart of the agent, and gives up with 125', async () => {
  await using fleet = await startFleet()
  const agent = await fleet.agent('a1')
  const watched = begin(fleet, ['run', '--on', 'a1', '--', ...lines(fleet.folder, 2)])
  await writeFile(fleet.path('go-1'), '')
  await within(async () => watched.stdout() === 'line 1\n', 'the first line')
  await agent.stop()
  const again = await fleet.start('a1', ['agent', 'run'])
  await writeFile(fleet.path('go-2'), '')
  assert.equal(await watched.ended, 9, watched.stderr())
  assert.equal(watched.stdout(), 'line 1\nline 2\n')
  const run = await fleet.ok(['process', 'start', '--on', 'a1', '--', 'sh', '-c', 'exit 7'])
  assert.equal((await fleet.muster(['process', 'wait', run])).code, 7)
  const other = await fleet.ok(['process', 'start', '--on', 'a1', '--', 'sleep', '300'])
  const patient = begin(fleet, ['process', 'wait', other])
  await within(async () => (await statusOf(fleet, other)).contact === 'answered', 'contact')
  await again.stop('SIGKILL')
  assert.equal(await patient.ended, 125, patient.stderr())
  assert.match(patient.stderr(), new RegExp(`cannot follow run ${other} for`))
})

test('run ids: accepts the digits of the list; an ambiguous text lists the runs', async () => {
  await using fleet = await startFleet({ agents: 1 })
  const start = (): Promise<string> => fleet.ok(['process', 'start', '--on', 'a1', '--', 'true'])
  const [one, two] = [await start(), await start()]
  for (const run of [one, two]) assert.match(run, /^[0-9a-f-]{36}$/)
  const listed = await fleet.ok(['process', 'list', '--all'])
  assert.match(listed, new RegExp(`^${one.slice(-8)} `, 'm'))
  assert.doesNotMatch(listed, new RegExp(one))
  assert.match(await fleet.ok(['process', 'list', '--all', '-o', 'wide']), new RegExp(one))
  for (const run of [one, two])
    for (const local of [[], ['--local']]) {
      const home = local.length === 0 ? 'coordinator' : 'a1'
      const words = ['process', 'wait', run.slice(-8), ...local]
      assert.equal((await fleet.muster(words, { home })).code, 0)
    }
  for (const local of [[], ['--local']]) {
    const home = local.length === 0 ? 'coordinator' : 'a1'
    const ended = await fleet.muster(['process', 'status', one.slice(0, 5), ...local], { home })
    assert.equal(ended.code, 6, ended.stderr)
    for (const run of [one, two])
      assert.match(ended.stderr, new RegExp(`${run} {3}a1 {3}exited: 0 {3}true`))
    const none = await fleet.muster(['process', 'status', 'ffffffff', ...local], { home })
    assert.deepEqual([none.code, none.stdout], [5, 'process not found\n'])
  }
})
