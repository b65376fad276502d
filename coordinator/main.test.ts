/** A coordinator starts completely, or it fails and releases everything. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { dialSocket } from '../protocols/rpc/socket.ts'
import { systemClock } from '../shared/clock.ts'
import { loadConfig } from '../shared/config/load.ts'
import { coordinatorPaths } from '../shared/home.ts'
import { systemRandom } from '../shared/random.ts'
import { recordedLog } from '../shared/testing/recorded-log.ts'
import { testKey } from '../shared/testing/statements.ts'
import { openDatabase } from './database/database.ts'
import { initCoordinator } from './home/init.ts'
import { runCoordinator } from './main.ts'

const signer = testKey(1)

/** Creates a home. Returns it with a function that runs its coordinator. */
async function scene(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-main-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  const deps = { clock: systemClock, random: systemRandom, log: recordedLog() }
  await initCoordinator(deps, {
    home,
    fleetName: 'test',
    name: 'c1',
    operators: [{ publicKey: signer.publicKey, name: 'olive' }],
    signer,
  })
  const file = join(folder, 'config.yaml')
  const run = async (http: string, signal: AbortSignal, onReady = (): void => undefined) => {
    await writeFile(file, `listen: [/ip4/127.0.0.1/tcp/0]\nhttp: { listen: "${http}" }\n`)
    const config = await loadConfig({ env: {}, uid: process.getuid?.() ?? 0 }, { file, home })
    await runCoordinator(deps, { home, config, signal, onReady })
  }
  const isReleased = async (): Promise<void> => {
    await assert.rejects(dialSocket(coordinatorPaths(home).socket, 'x'), { code: 'socket.absent' })
    const config = await loadConfig({ env: {}, uid: process.getuid?.() ?? 0 }, { file, home })
    await (await openDatabase(deps, { url: config.database.url })).close()
  }
  return { run, isReleased }
}

test('coordinator: a late failure of a start releases everything', async (t) => {
  const { run, isReleased } = await scene(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  await assert.rejects(run(`127.0.0.1:${port}`, new AbortController().signal), {
    code: 'http.address-taken',
  })
  await isReleased()
  taken.close()
  await once(taken, 'close')
  const ended = new AbortController()
  await run(`127.0.0.1:${port}`, ended.signal, () => ended.abort())
  await isReleased()
})

test('coordinator: rejects a second one on the same home', async (t) => {
  const { run, isReleased } = await scene(t)
  const ended = new AbortController()
  const ready = Promise.withResolvers<void>()
  const first = run('127.0.0.1:0', ended.signal, ready.resolve)
  await Promise.race([first, ready.promise])
  await assert.rejects(run('127.0.0.1:0', new AbortController().signal), { code: 'socket.in-use' })
  ended.abort()
  await first
  await isReleased()
})
