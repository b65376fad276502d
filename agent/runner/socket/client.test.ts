import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock as clock } from '../../../shared/clock.ts'
import { connectRunner } from './client.ts'
import { runnerError } from '../ground/errors.ts'
import { runnerPaths } from '../ground/paths.ts'
import { lives, readStat } from '../containment/process-identity.ts'
import { describeRun } from '../../../shared/describe-run.ts'
import { eventually, newRunId, openRunnerHome } from '../testing/runner-home.ts'

const is = (code: Parameters<typeof runnerError.is>[1]) => (error: unknown) =>
  runnerError.is(error, code)

test('many agents that start at the same time connect to one runner', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-race-'))
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => connectRunner({ clock }, { home, spawnIfAbsent: true })),
  )
  const pids = await Promise.all(clients.map(async (client) => (await client.info()).pid))
  assert.equal(new Set(pids).size, 1)
  await clients[0]?.shutdown()
  await eventually('the runner has ended', () => !lives(readStat(pids[0] as number)))
  await rm(home, { recursive: true })
})

test('without a runner, calls fail and do not start one', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-none-'))
  await assert.rejects(
    connectRunner({ clock }, { home, spawnIfAbsent: false }),
    is('runner.unreachable'),
  )
  assert.equal(existsSync(runnerPaths(home).runFolder), false)
  await rm(home, { recursive: true })
  await assert.rejects(
    connectRunner({ clock }, { home, spawnIfAbsent: true }),
    is('runner.unreachable'),
  )
})

test('a runner that died between two calls is replaced at the next call', async () => {
  await using runner = await openRunnerHome()
  const before = await runner.client.info()
  await runner.killRunner()
  assert.notEqual((await runner.client.info()).pid, before.pid)
})

test('reports an unknown run as not found', async () => {
  await using runner = await openRunnerHome()
  const run = newRunId()
  for (const call of [
    runner.client.status(run),
    runner.client.stop(run, { graceMs: 0 }),
    runner.client.signal(run, 'TERM'),
    runner.client.read(run, 'stdout', 0, 1),
    runner.client.wait(run),
    runner.output(run),
  ])
    await assert.rejects(call, { code: 'runner.unknown-run' })
  assert.equal(await runner.client.probe(run), undefined)
  assert.deepEqual(await runner.client.list(), [])
})

test('a runner with live runs ends only if they may be stopped', async () => {
  await using runner = await openRunnerHome()
  const { run, pid } = await runner.start(['sleep', '616'])
  await assert.rejects(runner.client.shutdown(), is('runner.live'))
  assert.equal(describeRun(await runner.client.status(run)), 'running')
  await runner.client.shutdown({ stopRuns: true })
  await eventually('the run has ended', () => !lives(readStat(pid as number)))
  assert.equal(
    describeRun(await runner.client.status(run)),
    'stopped',
    'the next runner knows how it ended',
  )
})

test('a runner ends when it is idle or its home is removed', async () => {
  for (const remove of [false, true]) {
    const home = await mkdtemp(join(tmpdir(), 'muster-idle-'))
    const client = await connectRunner(
      { clock },
      { home, spawnIfAbsent: true, runnerArguments: remove ? [] : ['--idle-exit', '1'] },
    )
    const { pid } = await client.info()
    if (remove) await rm(home, { recursive: true })
    await eventually('the runner has ended', () => !lives(readStat(pid)))
    await rm(home, { recursive: true, force: true })
  }
})

test('PC-25: only the owner can use the socket', async (t) => {
  await using runner = await openRunnerHome()
  const paths = runnerPaths(runner.home)
  assert.equal((await stat(paths.socket)).mode & 0o777, 0o600)
  assert.equal((await stat(paths.runFolder)).mode & 0o777, 0o700)
  if (process.geteuid?.() !== 0) return t.diagnostic('only root can be another user: not tried')
  const script =
    `require('node:net').createConnection(${JSON.stringify(paths.socket)})` +
    ".on('error', (e) => { console.log(e.code); process.exit() })"
  // The test uses the root folder and a node of the system, because the checkout may be readable by
  // root only.
  const stranger = spawn(
    '/bin/sh',
    [
      '-c',
      'exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/3 -e "$1"',
      'sh',
      script,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit', openSync(process.execPath, 'r')],
      cwd: '/',
    },
  )
  const [line] = (await once(stranger.stdout as NonNullable<typeof stranger.stdout>, 'data')) as [
    Buffer,
  ]
  assert.equal(line.toString(), 'EACCES\n')
})

test('PC-25: a runner rejects a path that another user prepared', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-prepared-'))
  const paths = runnerPaths(home)
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  await mkdir(paths.runFolder, { mode: 0o700 })
  await symlink('/dev/null', paths.socket)
  const child = spawn(process.execPath, [main, '--home', home], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  assert.deepEqual(await once(child, 'exit'), [1, null])
  assert.match(said, /is not safe for the runner: it is a symbolic link/)
  await assert.rejects(
    connectRunner({ clock }, { home, spawnIfAbsent: true }),
    is('runner.unsafe-path'),
  )
  await rm(home, { recursive: true })
})

test('PC-20: a runner closes inherited files', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-inherit-'))
  const secret = join(home, 'secret')
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  // The number is high, because Node protects the descriptors after its own ones.
  const script = 'exec 40>"$1"; exec "$2" "$3" --home "$4"'
  const child = spawn('bash', ['-c', script, 'bash', secret, process.execPath, main, home], {
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  try {
    await eventually('the runner answers', () =>
      connectRunner({ clock }, { home, spawnIfAbsent: false }).catch(() => undefined),
    )
    const links = readdirSync(`/proc/${child.pid}/fd`).map((fd) =>
      linkOf(`/proc/${child.pid}/fd/${fd}`),
    )
    assert.ok(!links.includes(secret))
  } finally {
    child.kill()
    await ended
    await rm(home, { recursive: true })
  }
})

test('an invalid request ends only its connection', async () => {
  await using runner = await openRunnerHome()
  const { pid } = await runner.client.info()
  const send = async (bytes: Buffer): Promise<string> => {
    const socket = createConnection(runnerPaths(runner.home).socket)
    socket.end(bytes)
    let answer = ''
    for await (const chunk of socket) answer += (chunk as Buffer).toString('latin1')
    return answer
  }
  assert.match(await send(Buffer.from('GET / HTTP/1.1\r\n\r\n')), /runner\.broken-frame/)
  assert.match(await send(frame({ method: 'explode' })), /runner\.invalid-request/)
  assert.match(await send(frame({ method: 'status', run: '../../etc' })), /runner\.invalid-request/)
  assert.match(await send(frame({ method: 'start', order: { run: 1 } })), /runner\.invalid-order/)
  assert.equal(await send(Buffer.alloc(3)), '')
  assert.equal((await runner.client.info()).pid, pid)
})

test("the runner's log contains run ids, never arguments or environment", async () => {
  await using runner = await openRunnerHome()
  const { run } = await runner.start(['sh', '-c', 'sleep 617', 'sh', 'canary-argument'], {
    env: { SECRET: 'canary-environment' },
  })
  await runner.killRunner()
  await runner.client.stop(run, { graceMs: 0 })
  const log = await readFile(runnerPaths(runner.home).log, 'utf8')
  assert.match(log, new RegExp(`"run adopted".*${run}`))
  assert.doesNotMatch(log, /canary/)
  assert.doesNotMatch(
    await readFile(join(runner.home, 'runs', run, 'record.json'), 'utf8'),
    /canary-environment/,
  )
  await writeFile(runnerPaths(runner.home).log, '')
})

function frame(head: object): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32BE(json.length, 0)
  return Buffer.concat([prefix, json])
}

/** Returns an empty text for a descriptor that was closed after it was listed. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
