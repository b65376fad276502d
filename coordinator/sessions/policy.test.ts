import assert from 'node:assert/strict'
import test from 'node:test'
import type { Capability } from '../../protocols/capability.ts'
import { control } from '../../protocols/control/protocol.ts'
import type { Ask, DuplexPeer, Member, Target } from '../../protocols/rpc/peer.ts'
import type { NodeKey } from '../../shared/identity/signer.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { MusterError } from '../../shared/errors.ts'
import { agentId } from '../../shared/ids.ts'
import {
  signedSample,
  TEST_AGENT,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import {
  delegate,
  operator,
  stranger,
  testCoordinator,
  type TestCoordinator,
} from '../testing/coordinator.ts'
import { createPolicy } from './policy.ts'

const HOUR = 3_600_000
const ask: Ask = { protocol: 'control', method: 'x', targets: undefined }
const peerId = peerIdOfKey(testKey(204).publicKey)
const member: Member = {
  role: 'agent',
  name: 'web-1',
  agent: TEST_AGENT,
  labels: {},
  epoch: 1,
  notAfter: TEST_TIME + HOUR,
}
const socket: DuplexPeer = {
  transport: 'unix',
  peerId: undefined,
  address: 'socket',
  member: undefined,
  session: undefined,
}
const host: DuplexPeer = {
  transport: 'libp2p',
  peerId,
  address: '/ip4/192.0.2.7',
  member,
  session: undefined,
}
const sessionOf = (key: NodeKey, notAfter = TEST_TIME + HOUR): DuplexPeer => ({
  ...socket,
  transport: 'libp2p',
  peerId,
  session: { operator: key.fingerprint, notAfter },
})

async function verdict(
  coordinator: TestCoordinator,
  capability: Capability,
  peer: DuplexPeer,
  targets?: readonly Target[],
): Promise<string> {
  try {
    return (await createPolicy(coordinator).allow(capability, peer, { ...ask, targets })).kind
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return error.code
  }
}

test('ID-01: each kind of capability is denied to every caller that lacks it', async () => {
  await using coordinator = await testCoordinator()
  const capabilities: Record<string, Capability> = {
    stranger: { kind: 'stranger', why: 'a test' },
    agent: { kind: 'member', roles: ['agent'] },
    coordinator: { kind: 'member', roles: ['coordinator'] },
    fleet: { kind: 'operator', namespace: 'run', level: 'control', scope: 'fleet' },
    intent: { kind: 'intent' },
    local: { kind: 'local' },
  }
  const peers: Record<string, DuplexPeer> = {
    'a socket': socket,
    'an unknown node': { ...host, member: undefined },
    'a host': host,
    'a host whose certificate has ended': { ...host, member: { ...member, notAfter: TEST_TIME } },
    'an operator': sessionOf(operator),
    'an operator whose session has ended': sessionOf(operator, TEST_TIME),
    'a session without grants': sessionOf(stranger),
  }
  const table: Record<string, string[]> = {}
  for (const [who, peer] of Object.entries(peers)) {
    const allowed = []
    for (const [name, capability] of Object.entries(capabilities))
      if (!(await verdict(coordinator, capability, peer)).includes('.')) allowed.push(name)
    table[who] = allowed
  }
  assert.deepEqual(table, {
    'a socket': ['stranger', 'local'],
    'an unknown node': ['stranger'],
    'a host': ['stranger', 'agent'],
    'a host whose certificate has ended': ['stranger'],
    'an operator': ['stranger', 'fleet', 'intent'],
    'an operator whose session has ended': ['stranger'],
    // The operation authorises the intent later. To submit it, the caller needs only a session of
    // the actor.
    'a session without grants': ['stranger', 'intent'],
  })
})

test('ID-01: without a session, control accepts only the methods that open a session', async () => {
  await using coordinator = await testCoordinator()
  for (const [name, { capability }] of Object.entries(control.methods))
    for (const peer of [socket, host, { ...host, member: undefined }]) {
      const said = await verdict(coordinator, capability, peer)
      if (name.startsWith('session.')) assert.equal(said, 'stranger', name)
      else assert.equal(said, 'protocol.denied', name)
    }
})

test('TR-16: a revoked right is gone at the next request on the same duplex', async () => {
  await using coordinator = await testCoordinator()
  const observe: Capability = {
    kind: 'operator',
    namespace: 'run',
    level: 'observe',
    scope: 'fleet',
  }
  const peer = sessionOf(delegate)
  assert.equal(await verdict(coordinator, observe, peer), 'trust.denied')
  const grant = await signedSample('grant', operator, {
    id: testUuid(501),
    subject: delegate.fingerprint,
  })
  await coordinator.database.transaction((tx) =>
    coordinator.access.insertGrant(tx, grant, TEST_TIME),
  )
  assert.equal(await verdict(coordinator, observe, peer), 'operator')
  assert.equal(await verdict(coordinator, { ...observe, level: 'control' }, peer), 'trust.denied')
  assert.equal(await verdict(coordinator, { ...observe, namespace: 'facts' }, peer), 'trust.denied')
  const gone = await signedSample('revocation', operator, {
    id: testUuid(801),
    target: testUuid(501),
  })
  await coordinator.database.transaction((tx) =>
    coordinator.access.insertRevocation(tx, gone, TEST_TIME),
  )
  assert.equal(await verdict(coordinator, observe, peer), 'trust.denied')
  coordinator.clock.at = TEST_TIME + HOUR
  assert.equal(await verdict(coordinator, observe, sessionOf(operator)), 'protocol.denied')
})

test('PC-27: an unknown run and a run on a hidden host get the same response', async () => {
  await using coordinator = await testCoordinator()
  const each: Capability = {
    kind: 'operator',
    namespace: 'run',
    level: 'observe',
    scope: 'targets',
  }
  const [web, db] = [agentId.parse(testUuid(1)), agentId.parse(testUuid(2))]
  const grants = [
    await signedSample('grant', operator, {
      id: testUuid(501),
      subject: delegate.fingerprint,
      selector: { agents: [web] },
    }),
    await signedSample('grant', operator, {
      id: testUuid(502),
      subject: delegate.fingerprint,
      selector: { labels: { role: 'web' } },
    }),
  ]
  await coordinator.database.transaction(async (tx) => {
    for (const grant of grants) await coordinator.access.insertGrant(tx, grant, TEST_TIME)
  })
  const policy = createPolicy(coordinator)
  const refusal = async (target: Target): Promise<unknown> => {
    const error: unknown = await policy
      .allow(each, sessionOf(delegate), { ...ask, targets: [target] })
      .catch((reason: unknown) => reason)
    assert.ok(error instanceof MusterError, JSON.stringify(error))
    return [error.code, error.data, error.message]
  }
  const unknown = await refusal({})
  assert.deepEqual(await refusal({ agent: db, labels: {} }), unknown)
  assert.deepEqual(await refusal({ agent: db, labels: { role: 'db' } }), unknown)
  assert.equal(
    await verdict(coordinator, each, sessionOf(delegate), [{ agent: web, labels: {} }]),
    'operator',
  )
  assert.equal(
    await verdict(coordinator, each, sessionOf(delegate), [{ agent: db, labels: { role: 'web' } }]),
    'operator',
  )
  // Every target counts: one denied target denies the request.
  assert.equal(
    await verdict(coordinator, each, sessionOf(delegate), [
      { agent: web, labels: {} },
      { agent: db, labels: {} },
    ]),
    'trust.denied',
  )
  // Before the targets are known, a request is denied only if there is no session.
  assert.equal(await verdict(coordinator, each, sessionOf(delegate)), 'operator')
  assert.equal(await verdict(coordinator, each, socket), 'protocol.denied')
})

test('policy: a target may narrow the namespace, and the grant must cover it there', async () => {
  await using coordinator = await testCoordinator()
  const each: Capability = {
    kind: 'operator',
    namespace: 'repo',
    level: 'observe',
    scope: 'targets',
  }
  const grant = await signedSample('grant', operator, {
    id: testUuid(501),
    subject: delegate.fingerprint,
    namespace: 'repo/today',
  })
  await coordinator.database.transaction((tx) =>
    coordinator.access.insertGrant(tx, grant, TEST_TIME),
  )
  const said = (namespace: 'repo' | `repo/${string}`) =>
    verdict(coordinator, each, sessionOf(delegate), [{ namespace }])
  assert.deepEqual(
    [await said('repo/today'), await said('repo/other'), await said('repo')],
    ['operator', 'trust.denied', 'trust.denied'],
  )
})

test('policy: the hint of a refusal names a host only if the right is about hosts', async () => {
  await using coordinator = await testCoordinator()
  const policy = createPolicy(coordinator)
  const hintFor = (namespace: 'run' | 'facts' | 'repo/epel9' | 'snapshot/epel9') =>
    policy
      .allow(
        { kind: 'operator', namespace: 'repo', level: 'observe', scope: 'targets' },
        sessionOf(stranger),
        { ...ask, targets: [{ namespace }] },
      )
      .then(
        () => assert.fail('allowed'),
        (error: MusterError) => error.hint,
      )
  for (const namespace of ['repo/epel9', 'snapshot/epel9'] as const)
    assert.match((await hintFor(namespace)) ?? '', /--level observe --ttl 1h`$/)
  for (const namespace of ['run', 'facts'] as const)
    assert.match((await hintFor(namespace)) ?? '', /--level observe --on HOST --ttl 1h`$/)
})
