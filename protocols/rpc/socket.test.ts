import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { z } from 'zod'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { openClient } from './call.ts'
import { defineProtocol, method } from './define-protocol.ts'
import { serveProtocol } from './serve.ts'
import { type SocketServer, dialSocket, serveSocket } from './socket.ts'

const bell = defineProtocol({
  name: 'bell',
  version: 1,
  limits: {
    maxRequestBytes: 64,
    maxResponseBytes: 64,
    maxProgressBytes: 64,
    callMs: 2_000,
    idleMs: 2_000,
    stallMs: 2_000,
    maxInboundStreams: 1,
    maxOutboundStreams: 1,
    quota: { burst: 10, perSecond: 10 },
  },
  methods: {
    ring: method({
      capability: { kind: 'local' },
      request: z.object({}),
      response: z.object({ sound: z.string() }),
    }),
  },
})
const deps = { clock: systemClock, log: recordedLog() }
const serve = serveProtocol(
  bell,
  { ring: async () => ({ sound: 'ding' }) },
  { ...deps, policy: { allow: async () => ({ kind: 'local', name: 'tester' }) } },
)

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bell-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function start(t: TestContext, path: string): Promise<SocketServer> {
  const server = await serveSocket(deps, { path, protocols: new Map([[bell.id, serve]]) })
  t.after(() => server.close())
  return server
}

test('socket: only its owner may open it, and closing removes it', async (t) => {
  const folder = await folderFor(t)
  await mkdir(join(folder, 'run'), { mode: 0o755 })
  const server = await serveSocket(deps, {
    path: join(folder, 'run', 's'),
    protocols: new Map([[bell.id, serve]]),
  })
  assert.equal((await stat(join(folder, 'run'))).mode & 0o777, 0o700)
  assert.equal((await stat(server.path)).mode & 0o777, 0o600)
  const client = openClient(bell, await dialSocket(server.path, bell.id), deps)
  assert.deepEqual(await client.call('ring', {}), { sound: 'ding' })
  await server.close()
  await assert.rejects(client.call('ring', {}), { code: 'protocol.closed' })
  await assert.rejects(dialSocket(server.path, bell.id), {
    code: 'socket.absent',
    exit: 'unreachable',
  })
})

test('socket: names an unserved protocol, and invalid bytes end one connection', async (t) => {
  const server = await start(t, join(await folderFor(t), 's'))
  const client = openClient(
    { ...bell, id: '/muster/gong/1' },
    await dialSocket(server.path, '/muster/gong/1'),
    deps,
  )
  await assert.rejects(client.call('ring', {}), {
    code: 'protocol.unsupported',
    message: /\/muster\/gong\/1/,
  })
  const rubbish = await dialSocket(server.path, 'x'.repeat(200))
  await assert.rejects(openClient(bell, rubbish, deps).call('ring', {}))
  const again = openClient(bell, await dialSocket(server.path, bell.id), deps)
  assert.deepEqual(await again.call('ring', {}), { sound: 'ding' })
  await again.close()
})

test('socket: a second server on a live socket is refused, a dead one is replaced', async (t) => {
  const path = join(await folderFor(t), 's')
  // A process that is killed leaves its socket behind.
  const script =
    `require('node:net').createServer().listen(${JSON.stringify(path)}, ` +
    "() => process.kill(process.pid, 'SIGKILL'))"
  await promisify(execFile)(process.execPath, ['-e', script]).catch(() => undefined)
  assert.ok((await stat(path)).isSocket())
  await start(t, path)
  await assert.rejects(serveSocket(deps, { path, protocols: new Map() }), {
    code: 'socket.in-use',
    exit: 'conflict',
  })
})

test('socket: paths that cannot hold a socket are refused with the reason', async (t) => {
  const folder = await folderFor(t)
  await assert.rejects(
    serveSocket(deps, { path: join(folder, 'x'.repeat(120)), protocols: new Map() }),
    {
      code: 'socket.unusable',
      message: /107/,
    },
  )
  await writeFile(join(folder, 'file'), '')
  await assert.rejects(serveSocket(deps, { path: join(folder, 'file'), protocols: new Map() }), {
    code: 'socket.unusable',
  })
  await assert.rejects(
    serveSocket(deps, { path: join(folder, 'file', 's'), protocols: new Map() }),
    { code: 'socket.unusable' },
  )
  await assert.rejects(dialSocket(join(folder, 'file', 's'), bell.id), { code: 'socket.unusable' })
  const signal = AbortSignal.abort(new Error('stop'))
  await assert.rejects(dialSocket(join(folder, 's'), bell.id, signal), { message: 'stop' })
})

test('socket: a call ends at its deadline if the server accepts and sends nothing', async (t) => {
  const path = join(await folderFor(t), 's')
  const silent = createServer(() => undefined).listen(path)
  t.after(() => silent.close())
  await chmod(path, 0o600).catch(() => undefined)
  const patient = { ...bell, limits: { ...bell.limits, callMs: 50 } }
  const duplex = await dialSocket(path, bell.id)
  await assert.rejects(openClient(patient, duplex, deps).call('ring', {}), {
    code: 'protocol.timeout',
  })
})

test('socket: a caller waits for a starting node, up to a limit', async (t) => {
  const path = join(await folderFor(t), 'run', 'bell.sock')
  const protocols = new Map<string, typeof serve>()
  let isStarting = true
  let later = 0
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + later }
  const server = await serveSocket(
    { ...deps, clock },
    { path, protocols, isStarting: () => isStarting },
  )
  t.after(() => server.close())
  const ring = async () => {
    const client = openClient(bell, await dialSocket(path, bell.id), deps)
    return client.call('ring', {}).finally(() => void client.close().catch(() => undefined))
  }
  const refused = assert.rejects(ring(), { code: 'socket.starting', exit: 'unreachable' })
  const passing = systemClock.every(20, () => (later += 1_000))
  await refused
  passing()
  const early = ring()
  protocols.set(bell.id, serve)
  isStarting = false
  assert.deepEqual(await early, { sound: 'ding' })
  protocols.delete(bell.id)
  await assert.rejects(ring(), { code: 'protocol.unsupported' })
})
