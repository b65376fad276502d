/**
 * Tests how a host pulls from its coordinator. A real socket takes the place of libp2p. Other files
 * test dialling and the end of a connection.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MusterNode } from '../../node/node.ts'
import type { JoinRequest } from '../../protocols/enroll/messages.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { dialSocket, serveSocket } from '../../protocols/rpc/socket.ts'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { signedSample, TEST_AGENT, TEST_FLEET, testUuid } from '../../shared/testing/statements.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { createLink } from './link.ts'
import {
  issuer,
  joinedTrust,
  operator,
  root,
  stranger,
  testClock,
} from '../testing/coordinator-stand-in.ts'

test('FG-07: pulls revocations that gossip lost, periodically and on request', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-link-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const revoke = (epoch: number, by = operator): Promise<Signed> =>
    signedSample('revocation', by, { epoch, id: testUuid(700 + epoch) })
  const log = recordedLog()
  const policy = { allow: async () => ({ kind: 'local', name: 'host' }) as const }
  const certificate = await signedSample('certificate', issuer)
  const known: Signed[] = []
  const asked: (number | undefined)[] = []
  const handlers = {
    join: async (request: JoinRequest) => {
      asked.push(request.epoch)
      return {
        status: 'approved' as const,
        roots: [[root]],
        certificate,
        revocations: known.slice(request.epoch),
      }
    },
    renew: async () => ({ certificate }),
  }
  const path = join(folder, 's', 'socket')
  const serve = serveProtocol(enroll, handlers, { policy, clock: systemClock, log })
  const server = await serveSocket(
    { clock: systemClock, log },
    { path, protocols: new Map([[enroll.id, serve]]) },
  )
  t.after(() => server.close())

  const { trust } = await joinedTrust(t)
  // The test runs the timers.
  const timers = new Map<number, () => void>()
  const clock = {
    ...testClock(),
    every: (ms: number, run: () => void) => {
      timers.set(ms, run)
      return () => timers.delete(ms)
    },
  }
  const node = {
    dial: async () => ({ id: 'coordinator' }),
    open: (_peer: string, protocol: string, signal?: AbortSignal) =>
      dialSocket(path, protocol, signal),
    peer: () => ({}),
    on: () => () => undefined,
    reintroduce: async () => undefined,
  } as unknown as MusterNode
  const identity = {
    id: TEST_AGENT,
    name: 'a1',
    fleet: TEST_FLEET,
    root: rootDigest(root.statement),
    coordinators: ['/ip4/192.0.2.1/tcp/1'],
  }
  const connected = Promise.withResolvers<void>()
  const link = createLink(
    { node, trust, clock, random: systemRandom, log },
    { identity, claims: {}, instance: '11'.repeat(16) },
  )
  const stop = new AbortController()
  const running = link.run(stop.signal, {
    onConnected: () => connected.resolve(),
    onPending: () => undefined,
  })
  await connected.promise
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await systemClock.sleep(2)
  }
  await until(() => timers.has(5 * 60_000))
  assert.deepEqual(asked, [0])

  known.push(await revoke(1))
  timers.get(5 * 60_000)?.()
  await until(() => trust.revocations().epoch === 1)
  known.push(await revoke(2))
  link.pull()
  link.pull()
  await until(() => trust.revocations().epoch === 2)
  // The second pull joined the first one. An invalid revocation is logged, and the link continues.
  known.push(await revoke(3, stranger))
  await until(
    () => (
      link.pull(), log.lines.some((line) => JSON.stringify(line).includes('revocations contradict'))
    ),
  )
  assert.equal(link.coordinator(), 'coordinator')
  assert.deepEqual(asked.slice(0, 4), [0, 0, 1, 2])
  stop.abort()
  await running
  assert.equal(timers.size, 0)
  link.pull()
})
