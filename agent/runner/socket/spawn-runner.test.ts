import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { connectRunner } from './client.ts'
import { acquireLock } from '../lock.ts'
import { runnerPaths } from '../ground/paths.ts'
import { ownFolder } from './socket-path.ts'

test('starts a runner after the one that holds the lock ends', async () => {
  const home = await mkdtemp(join(tmpdir(), 'muster-held-'))
  const paths = runnerPaths(home)
  ownFolder(paths.runFolder)
  const lock = acquireLock(paths.lock)
  let tries = 0
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      // The pause after a runner that ended because another one held the lock.
      if (ms === 100 && ++tries === 2) lock.release()
      return systemClock.sleep(ms, signal)
    },
  }
  const client = await connectRunner({ clock }, { home, spawnIfAbsent: true })
  assert.equal(tries >= 2, true)
  assert.equal((await client.info()).live, 0)
  await client.shutdown()
  await rm(home, { recursive: true, force: true })
})

test('starts a runner for a user id without an entry in passwd', {
  skip: process.geteuid?.() !== 0 && 'needs root',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-unnamed-'))
  const home = join(folder, 'home')
  // A folder that this user may read.
  for (const part of ['agent/runner', 'protocols/output', 'shared'])
    await cp(join(import.meta.dirname, '../../..', part), join(folder, 'code', part), {
      recursive: true,
    })
  await cp(process.execPath, join(folder, 'node'))
  const script = `
      const [home, client, time] = process.argv.slice(1)
      const [{ connectRunner }, { systemClock: clock }] =
    await Promise.all([client, time].map((path) => import(path)))
      process.getBuiltinModule('node:fs').mkdirSync(home)
      const runner = await connectRunner({ clock }, { home, spawnIfAbsent: true })
      console.log((await runner.info()).live)
      await runner.shutdown()`
  const modules = ['agent/runner/socket/client.ts', 'shared/clock.ts'].map((path) =>
    join(folder, 'code', path),
  )
  await chown(folder, 54_321, 54_321)
  const child = spawn(
    'setpriv',
    [
      '--reuid=54321',
      '--regid=54321',
      '--clear-groups',
      join(folder, 'node'),
      '--input-type=module',
      '-e',
      script,
      home,
      ...modules,
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin' },
    },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  assert.deepEqual([code, said], [0, '0\n'])
  await rm(folder, { recursive: true, force: true })
})
