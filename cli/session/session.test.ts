import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { control } from '../../protocols/control/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { serveSocket } from '../../protocols/rpc/socket.ts'
import { encodeEntry } from '../../shared/audit/entry.ts'
import { systemClock } from '../../shared/clock.ts'
import { operationId } from '../../shared/ids.ts'
import { silentLogger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { OTHER_FLEET, TEST_FLEET, testKey } from '../../shared/testing/statements.ts'
import { cliError } from '../terminal/errors.ts'
import { openSession, socketReach } from './session.ts'

const NOBODY = '01890000-0000-7000-8000-000000000000'
const deps = { clock: systemClock, random: systemRandom, log: silentLogger }

const [here, elsewhere] = [peerIdOfKey(testKey(5).publicKey), peerIdOfKey(testKey(6).publicKey)]

test('cli/session: signs nothing if the coordinator is not the one in the ticket', async (t) => {
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

test('cli/session: does not sign an intent that is too long for the log', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-session-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'run', 'socket')
  const received: Signed[] = []
  const handlers = {
    'session.begin': async () => ({
      nonce: new Uint8Array(32),
      name: 'c',
      version: '0',
      fleet: TEST_FLEET,
      coordinator: here,
    }),
    'session.open': async () => ({}),
    operate: async ({ intent }: { intent: Signed }) => {
      received.push(intent)
      return { operation: NOBODY, index: 0, results: [] }
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
  const session = await openSession({ ...deps, operator: testKey(1) }, socketReach(path))
  t.after(() => session.close())
  const operate = (text: string): Promise<unknown> =>
    session.operate({
      verb: 'run.start',
      targets: [NOBODY],
      arguments: {
        command: ['echo', ...(text.match(/.{1,32768}/g) ?? [])],
        env: {},
        runs: { [NOBODY]: session.newId() },
        limits: { outputBytes: 65_536 },
      },
    })
  /** Returns the longest accepted text of this letter. */
  const longest = async (letter: string): Promise<number> => {
    let [fits, tooLong] = [1, 100_000]
    while (tooLong - fits > 1) {
      const middle = Math.floor((fits + tooLong) / 2)
      try {
        await operate(letter.repeat(middle))
        fits = middle
      } catch (error) {
        assert.ok(cliError.is(error, 'cli.order-too-long'), String(error))
        assert.equal(error.exit, 'usage')
        tooLong = middle
      }
    }
    return fits
  }
  assert.ok((await longest('x')) > 47_000)
  assert.ok((await longest('"')) > 15_000)
  for (const signed of received) {
    const entry = { type: 'intent', at: systemClock.now(), coordinator: 'c'.repeat(64) } as const
    encodeEntry({ ...entry, clamped: true, operation: operationId.parse(NOBODY), signed })
  }
})

test('cli/session: rejects an invalid argument before anything is sent', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-session-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'run', 'socket')
  const handlers = {
    'session.begin': async () => ({
      nonce: new Uint8Array(32),
      name: 'c',
      version: '0',
      fleet: TEST_FLEET,
      coordinator: here,
    }),
    'session.open': async () => ({}),
  } as unknown as Handlers<typeof control>
  const policy = {
    allow: async () => ({ kind: 'stranger', name: 'x', peerId: undefined }) as const,
  }
  const socket = await serveSocket(deps, {
    path,
    protocols: new Map([[control.id, serveProtocol(control, handlers, { ...deps, policy })]]),
  })
  t.after(() => socket.close())
  const session = await openSession({ ...deps, operator: testKey(1) }, socketReach(path))
  t.after(() => session.close())
  const long = 'x'.repeat(257)
  const repoSync = { createSnapshot: false, allowRollback: false, acceptShrink: false }
  const wrong: [() => Promise<unknown>, message: RegExp][] = [
    [() => session.ask('run.status', { run: '' }), /^run: expected at least 1 character; nothing/],
    [
      () => session.ask('run.status', { run: long }),
      /^run: expected at most 36 characters; nothing/,
    ],
    [() => session.ask('run.list', { on: [''], all: true }), /^on: expected at least 1 character;/],
    [
      () => session.operate({ verb: 'repo.sync', targets: [long], arguments: repoSync }),
      /^repository: expected at most 256 characters; nothing was signed/,
    ],
    [
      () =>
        session.operate({
          verb: 'snapshot.create',
          targets: ['x'],
          arguments: { name: 'x', description: 'x'.repeat(1025) },
        }),
      /^description: expected at most 1024 characters; nothing was signed/,
    ],
    [
      () =>
        session.operate({
          verb: 'agent.label',
          targets: [NOBODY],
          arguments: { labels: JSON.parse('{"__proto__":"x"}') as Record<string, string> },
        }),
      /^labels: expected a label name, got __proto__; nothing was signed/,
    ],
  ]
  for (const [ask, message] of wrong) await assert.rejects(ask, { exit: 'usage', message })
})
