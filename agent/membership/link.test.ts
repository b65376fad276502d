import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { addressOf, createTestFleet, type TestFleet } from '../../node/testing/fleet.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { defineErrors } from '../../shared/errors.ts'
import { agentId } from '../../shared/ids.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { createLink } from './link.ts'
import { coordinatorOf } from '../testing/admitting-coordinator.ts'
import { until } from '../testing/until.ts'

/** A copy of the coordinator's error (coordinator/registry/errors.ts). */
const registryError = defineErrors({
  'registry.too-many-pending': { exit: 'failed', message: () => 'too many wait' },
})
const INSTANCE = 'ab'.repeat(16)
const HALF_LIFE_MS = 12 * 3_600_000

/**
 * Starts an agent's link, which runs until the test ends. The pauses are recorded and shortened.
 * The test decides when half of the certificate's lifetime is over.
 */
async function linkOf(t: TestContext, fleet: TestFleet, coordinators: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-link-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const node = await fleet.node(t, { role: undefined, name: 'web-1' }, { listen: [] })
  const root = rootDigest((fleet.roots[0] as readonly Signed[])[0]?.statement as Uint8Array)
  const opened = await openTrustState(
    { random },
    { folder, fleet: fleet.id, rootDigest: root, roots: fleet.roots },
  )
  const trust = {
    ...opened,
    keepCertificate: async (certificate: Signed) => {
      await opened.keepCertificate(certificate)
      // The node uses the certificate of the trust state, as an agent does.
      node.certificate = certificate
    },
  }
  const pauses: number[] = []
  const halfLives = new Set<() => void>()
  let later = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + later,
    sleep: (ms, signal) => {
      pauses.push(ms)
      return systemClock.sleep(1, signal)
    },
    every: (ms, run) => {
      // The other timer pulls. agent/membership/link-pull.test.ts tests it.
      if (ms !== HALF_LIFE_MS) return () => undefined
      halfLives.add(run)
      return () => halfLives.delete(run)
    },
  }
  const abort = new AbortController()
  const connected: string[] = []
  let pending = 0
  const link = createLink(
    { node, trust, clock, random: { ...random, fraction: () => 1 }, log: node.log },
    {
      identity: {
        id: agentId.parse('3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'),
        name: 'web-1',
        fleet: fleet.id,
        root,
        coordinators: [...coordinators],
      },
      claims: { hostname: 'web-1.example' },
      instance: INSTANCE,
    },
  )
  const running = link.run(abort.signal, {
    onConnected: (peer) => void connected.push(peer),
    onPending: () => {
      pending += 1
    },
  })
  running.catch(() => undefined)
  t.after(() => abort.abort())
  return {
    node,
    trust,
    link,
    running,
    abort,
    pauses,
    connected,
    pending: () => pending,
    pass: (ms: number) => {
      later += ms
    },
    hasHalfLife: () => halfLives.size > 0,
    halfLife: () => {
      for (const run of halfLives) run()
    },
    warnings: () =>
      node.log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message),
  }
}

/** Returns an address on which nothing listens. */
async function deadAddress(fleet: TestFleet, t: TestContext): Promise<string> {
  const node = await fleet.node(t, { role: 'coordinator', name: 'dead' })
  const address = addressOf(node)
  await node.close()
  return address
}

test('link: connects, reports the coordinator, and reconnects', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { link, connected, node, trust } = await linkOf(t, fleet, [coordinator.address])
  assert.equal(link.coordinator(), undefined)
  await until(() => connected.length === 1)
  assert.equal(link.coordinator(), coordinator.node.peerId)
  assert.ok(trust.certificate())
  assert.deepEqual(
    [coordinator.asked[0]?.claims, coordinator.asked[0]?.instance],
    [{ hostname: 'web-1.example' }, INSTANCE],
  )
  await coordinator.node.peer(node.peerId)?.close()
  await until(() => connected.length === 2)
  assert.equal(link.coordinator(), coordinator.node.peerId)
})

test('TR-13: pauses grow to a minute while no coordinator responds', async (t) => {
  const fleet = await createTestFleet()
  const { link, pauses, warnings, abort, running } = await linkOf(t, fleet, [
    await deadAddress(fleet, t),
  ])
  await until(() => pauses.length >= 12)
  assert.equal(link.coordinator(), undefined)
  assert.ok(
    pauses.every((pause, i) => pause <= 60_000 && pause >= (pauses[i - 1] ?? 0) * 0.99),
    String(pauses),
  )
  assert.ok((pauses[0] as number) <= 2_000 && (pauses[11] as number) >= 30_000, String(pauses))
  assert.ok(warnings().every((message) => message === 'coordinator cannot be reached'))
  abort.abort()
  await running
})

test('link: pauses grow only after short connections', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  coordinator.answer = 'hang up'
  const { pauses, connected, node, pass } = await linkOf(t, fleet, [coordinator.address])
  await until(() => pauses.length >= 6)
  assert.ok((pauses[5] as number) > 8 * (pauses[0] as number), String(pauses))
  coordinator.answer = 'approve'
  const before = connected.length
  await until(() => connected.length > before && coordinator.node.peer(node.peerId) !== undefined)
  pass(120_000)
  const at = pauses.length
  await coordinator.node.peer(node.peerId)?.close()
  await until(() => pauses.length > at)
  assert.ok((pauses[at] as number) <= 1_000, String(pauses.slice(at)))
})

test('TR-13: pauses stay below four seconds for a quarter of an hour', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { pauses, connected, pass, hasHalfLife } = await linkOf(t, fleet, [coordinator.address])
  await until(() => connected.length === 1 && hasHalfLife())
  pass(60_000)
  await coordinator.node.close()
  await until(() => pauses.length >= 12)
  assert.ok(Math.max(...pauses) <= 4_000, String(pauses))
  pass(15 * 60_000)
  await until(() => Math.max(...pauses) > 30_000)
})

test('link: uses the second coordinator if the first does not respond', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { link, connected } = await linkOf(t, fleet, [
    await deadAddress(fleet, t),
    coordinator.address,
  ])
  await until(() => connected.length === 1)
  assert.equal(link.coordinator(), coordinator.node.peerId)
})

test('link: a host that waits for approval asks again every five seconds', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  coordinator.answer = 'pending'
  const { pauses, pending, connected } = await linkOf(t, fleet, [coordinator.address])
  await until(() => coordinator.asked.length >= 3)
  assert.equal(pending(), 1)
  assert.ok(pauses.every((pause) => pause === 5_000))
  coordinator.answer = 'approve'
  await until(() => connected.length === 1)
})

test('link: ends after a revocation, tries again after a temporary refusal', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  coordinator.answer = registryError('registry.too-many-pending')
  const { running } = await linkOf(t, fleet, [coordinator.address])
  await until(() => coordinator.asked.length >= 3)
  coordinator.answer = enrollRefusal('registry.revoked', { name: 'web-1' })
  await assert.rejects(running, { code: 'registry.revoked' })
})

test('link: renews the certificate over the connection or reconnects', async (t) => {
  const fleet = await createTestFleet()
  const coordinator = await coordinatorOf(t, fleet)
  const { trust, connected, halfLife, hasHalfLife } = await linkOf(t, fleet, [coordinator.address])
  await until(() => connected.length === 1)
  const first = trust.certificate()
  // From here on, the link waits for the end of the connection.
  await until(() => hasHalfLife())
  halfLife()
  await until(() => trust.certificate() !== first)
  assert.equal(connected.length, 1)
  coordinator.answer = registryError('registry.too-many-pending')
  halfLife()
  await until(() => coordinator.asked.length >= 2)
  coordinator.answer = 'approve'
  await until(() => connected.length === 2)
})

test('link: ends with its signal while a coordinator does not respond', async (t) => {
  const fleet = await createTestFleet()
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const accepted = once(silent, 'connection')
  const { port } = silent.address() as { port: number }
  const peer = (await fleet.node(t, { role: 'coordinator', name: 'elsewhere' })).peerId
  const { abort, running } = await linkOf(t, fleet, [`/ip4/127.0.0.1/tcp/${port}/p2p/${peer}`])
  const [socket] = (await accepted) as [{ destroy(): void }]
  abort.abort(new Error('SIGTERM'))
  await running
  socket.destroy()
})
