import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { control } from '../protocols/control/protocol.ts'
import type { Handlers } from '../protocols/define-protocol.ts'
import { serveProtocol } from '../protocols/serve.ts'
import { serveSocket } from '../protocols/socket.ts'
import { systemClock } from '../shared/clock.ts'
import { silentLogger } from '../shared/logger.ts'
import { systemRandom } from '../shared/random.ts'
import { peerIdOfKey } from '../shared/identity/peer-id.ts'
import { OTHER_FLEET, TEST_FLEET, testKey } from '../shared/testing/statements.ts'
import { openSession, socketReach } from './session.ts'

const deps = { clock: systemClock, random: systemRandom, log: silentLogger }

const [here, elsewhere] = [peerIdOfKey(testKey(5).publicKey), peerIdOfKey(testKey(6).publicKey)]

test('cli/session: a coordinator that passes itself off as another one gets no signature that it could hand on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-session-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'run', 'socket')
  const asked: unknown[] = []
  let said = { fleet: OTHER_FLEET as string, coordinator: here }
  const handlers = {
    'session.begin': async () => ({ nonce: new Uint8Array(32), name: 'c', version: '0', ...said }),
    'session.open': async (request: unknown) => {
      asked.push(request)
      return {}
    },
  } as unknown as Handlers<typeof control>
  const policy = {
    allow: async () => ({ kind: 'stranger', name: 'x', peerId: undefined }) as const,
  }
  const socket = await serveSocket(deps, {
    path,
    protocols: new Map([[control.id, serveProtocol(control, handlers, { ...deps, policy })]]),
  })
  t.after(() => socket.close())
  const session = () =>
    openSession(
      { ...deps, operator: testKey(1) },
      { ...socketReach(path), expected: { fleet: TEST_FLEET, peerId: here } },
    )

  await assert.rejects(session(), { code: 'cli.other-coordinator' })
  said = { fleet: TEST_FLEET, coordinator: elsewhere }
  await assert.rejects(session(), { code: 'cli.other-coordinator' })
  assert.deepEqual(asked, [])
  said = { fleet: TEST_FLEET, coordinator: here }
  await (await session()).close()
  assert.equal(asked.length, 1)
})
