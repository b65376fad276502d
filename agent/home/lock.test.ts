import assert from 'node:assert/strict'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { serveSocket } from '../../protocols/rpc/socket.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { agentPaths } from '../../shared/home.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { lockHome } from './lock.ts'

async function home(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
const never = new AbortController().signal

test('home lock: one holder at a time', async (t) => {
  const options = { home: await home(t), patienceMs: 0, signal: never }
  const first = await lockHome({ clock }, options)
  await assert.rejects(lockHome({ clock }, options), {
    code: 'agent.home-in-use',
    exit: 'conflict',
  })
  first.release()
  ;(await lockHome({ clock }, options)).release()
})

test('home lock: waits while the holder does not respond', async (t) => {
  const options = { home: await home(t), patienceMs: 60_000, signal: never }
  const first = await lockHome({ clock }, options)
  const second = lockHome({ clock }, options)
  first.release()
  ;(await second).release()
})

test('home lock: does not wait for an agent that responds, and ends with its signal', async (t) => {
  const options = { home: await home(t), patienceMs: 60_000, signal: never }
  const first = await lockHome({ clock }, options)
  t.after(() => first.release())
  const abort = new AbortController()
  const waiting = lockHome({ clock }, { ...options, signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(waiting, { message: 'enough' })
  const server = await serveSocket(
    { clock, log: recordedLog() },
    { path: agentPaths(options.home).socket, protocols: new Map() },
  )
  t.after(() => server.close())
  await assert.rejects(lockHome({ clock }, options), { code: 'agent.home-in-use' })
})

test('home lock: rejects the home of another user', async (t) => {
  // Root can change the owner of its folder. Other users use a folder that root owns.
  const isRoot = process.geteuid?.() === 0
  const folder = isRoot ? await home(t) : '/'
  if (isRoot) await chown(folder, 65_534, 65_534)
  const before = await readdir(folder)
  await assert.rejects(lockHome({ clock }, { home: folder, patienceMs: 0, signal: never }), {
    code: 'agent.home-foreign',
    exit: 'denied',
  })
  assert.deepEqual(await readdir(folder), before)
})
