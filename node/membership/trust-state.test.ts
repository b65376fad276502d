import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { EMPTY_ROOT, leafHash, nodeHash } from '../../shared/audit/tree.ts'
import { MusterError } from '../../shared/errors.ts'
import type { NodeKey } from '../../shared/identity/signer.ts'
import type { Random } from '../../shared/random.ts'
import { systemRandom } from '../../shared/random.ts'
import {
  base64Key,
  sampleBody,
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import { isAgentRevoked, isKeyRevoked } from '../../shared/trust/revocations.ts'
import { type Signed, signStatement } from '../../shared/trust/signed.ts'
import { toText } from '../../shared/trust/transport.ts'
import { openTrustState, type TrustState } from './trust-state.ts'

const [olive, oscar, issuer, newIssuer, stranger] = [1, 2, 3, 4, 9].map(testKey) as [
  NodeKey,
  NodeKey,
  NodeKey,
  NodeKey,
  NodeKey,
]
const row = (key: NodeKey, name: string) => ({ key: base64Key(key), name })
const code =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof MusterError && error.code === expected

const first = await signedSample('root', olive, {
  operators: [row(olive, 'olive'), row(oscar, 'oscar')],
  issuers: [row(issuer, 'coordinator')],
})
const digest = rootDigest(first.statement)

/** Signs a root that follows `previous`, with other operators or issuers. */
function second(
  signer: NodeKey,
  changes: { operators?: readonly NodeKey[]; issuers?: readonly NodeKey[] } = {},
): Promise<Signed> {
  return signStatement(signer, 'root', {
    ...sampleBody('root', signer),
    version: 2,
    operators: (changes.operators ?? [olive, oscar]).map((key, i) => row(key, `operator ${i}`)),
    issuers: (changes.issuers ?? [issuer]).map((key, i) => row(key, `coordinator ${i}`)),
    previous: digest,
  })
}

async function home(
  t: TestContext,
): Promise<{ folder: string; open(random?: Random): Promise<TrustState> }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-trust-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return {
    folder,
    open: (random = systemRandom) =>
      openTrustState(
        { random },
        { folder, fleet: TEST_FLEET, rootDigest: digest, roots: [[first]] },
      ),
  }
}

const revoke = (
  signer: NodeKey,
  epoch: number,
  what: { kind: 'grant' | 'key' | 'agent'; target: string },
): Promise<Signed> =>
  signedSample('revocation', signer, { id: testUuid(100 + epoch), epoch, ...what })

test('trust-state: keeps the root after a restart, also before approval', async (t) => {
  const { folder, open } = await home(t)
  await open()
  const again = await openTrustState(
    { random: systemRandom },
    { folder, fleet: TEST_FLEET, rootDigest: digest },
  )
  assert.equal(again.root().digest, digest)
  assert.equal(again.certificate(), undefined)
})

test('trust-state: keeps additions after a restart, and ignores older ones', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const gone = await revoke(olive, 1, { kind: 'agent', target: TEST_AGENT })
  await trust.learn({ roots: [[first], [await second(oscar)]], revocations: [gone] })
  await trust.keepCertificate(await signedSample('certificate', issuer))
  const check = async (state: TrustState): Promise<void> => {
    assert.equal(state.root().root.version, 2)
    assert.equal(isAgentRevoked(state.revocations().accepted, TEST_AGENT), true)
    assert.deepEqual(
      toText(state.certificate() as Signed),
      toText(await signedSample('certificate', issuer)),
    )
    assert.deepEqual(state.issuers(), [issuer.publicKey])
  }
  await check(trust)
  await trust.learn({ roots: [[first]], revocations: [] })
  await trust.learn({ roots: [[first]], revocations: [gone] })
  await check(trust)
  const again = await open()
  await check(again)
  await again.learn({ roots: [[first]] })
  await check(again)
})

test('trust-state: rejects a home whose first root is not the pinned one', async (t) => {
  const { folder } = await home(t)
  const other = await signedSample('root', stranger)
  await assert.rejects(
    openTrustState(
      { random: systemRandom },
      { folder, fleet: TEST_FLEET, rootDigest: digest, roots: [[other]] },
    ),
    code('trust.root'),
  )
})

test('trust-state: stores nothing if one of the statements is invalid', async (t) => {
  const { open, folder } = await home(t)
  const trust = await open()
  await trust.learn({
    revocations: [await revoke(olive, 1, { kind: 'grant', target: testUuid(7) })],
  })
  const before = await readFile(join(folder, 'trust.json'))
  const cases: [string, Parameters<TrustState['learn']>[0]][] = [
    ['trust.root', { roots: [[first], [await second(stranger, { operators: [stranger] })]] }],
    [
      'trust.revoker',
      {
        roots: [[first], [await second(oscar)]],
        revocations: [await revoke(stranger, 2, { kind: 'key', target: olive.fingerprint })],
      },
    ],
    [
      'trust.equivocation',
      { revocations: [await revoke(olive, 1, { kind: 'grant', target: testUuid(8) })] },
    ],
    [
      'trust.epoch',
      { revocations: [await revoke(olive, 5000, { kind: 'grant', target: testUuid(8) })] },
    ],
  ]
  for (const [expected, news] of cases)
    await assert.rejects(trust.learn(news), code(expected), expected)
  assert.equal(trust.root().root.version, 1)
  assert.equal(trust.revocations().epoch, 1)
  assert.deepEqual(await readFile(join(folder, 'trust.json')), before)
})

test('trust-state: calls listeners once for each change, after it is on disk', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const seen: number[] = []
  const off = trust.onChange(() =>
    seen.push(trust.revocations().epoch * 10 + trust.root().root.version),
  )
  const one = await revoke(olive, 1, { kind: 'grant', target: testUuid(7) })
  await trust.learn({ revocations: [one] })
  await trust.learn({ roots: [[first]], revocations: [one] })
  await trust.learn({ roots: [[first], [await second(oscar)]] })
  await assert.rejects(
    trust.learn({
      revocations: [await revoke(stranger, 2, { kind: 'grant', target: testUuid(7) })],
    }),
    code('trust.revoker'),
  )
  await trust.keepCertificate(await signedSample('certificate', issuer))
  off()
  await trust.learn({
    revocations: [await revoke(olive, 2, { kind: 'grant', target: testUuid(8) })],
  })
  assert.deepEqual(seen, [11, 12])
})

test('trust-state: rejects a root that a revoked operator signed', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  await trust.learn({
    revocations: [await revoke(olive, 1, { kind: 'key', target: oscar.fingerprint })],
  })
  await assert.rejects(trust.learn({ roots: [[first], [await second(oscar)]] }), code('trust.root'))
  await trust.learn({ roots: [[first], [await second(olive, { operators: [olive] })]] })
  assert.equal(trust.root().root.version, 2)
})

test('trust-state: keeps a revocation after its operator was replaced', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const gone = await revoke(oscar, 1, { kind: 'key', target: stranger.fingerprint })
  await trust.learn({ revocations: [gone] })
  await trust.learn({ roots: [[first], [await second(olive, { operators: [olive] })]] })
  for (const state of [trust, await open()])
    assert.equal(isKeyRevoked(state.revocations().accepted, stranger.fingerprint), true)
  // A host that gets both only now, in this order, has the same state as the others.
  const { open: openLate } = await home(t)
  const late = await openLate()
  await late.learn({
    roots: [[first], [await second(olive, { operators: [olive] })]],
    revocations: [gone],
  })
  assert.equal(isKeyRevoked(late.revocations().accepted, stranger.fingerprint), true)
})

test('trust-state: keeps the newest checkpoint after a change of issuing keys', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.from('b'))]
  const one = await signCheckpoint(issuer, TEST_FLEET, { size: 1, root: a, at: TEST_TIME })
  const two = { size: 2, root: nodeHash(a, b), at: TEST_TIME + 1 }
  await trust.log.accept(trust.openCheckpoint(one.note))
  await trust.learn({ roots: [[first], [await second(olive, { issuers: [newIssuer] })]] })
  for (const state of [trust, await open()]) {
    assert.equal((await state.log.known())?.note, one.note)
    assert.throws(() => state.openCheckpoint(one.note), code('audit.note'))
  }
  const next = await open()
  const fromOld = await signCheckpoint(issuer, TEST_FLEET, two)
  assert.throws(() => next.openCheckpoint(fromOld.note), code('audit.note'))
  const fromNew = await signCheckpoint(newIssuer, TEST_FLEET, two)
  await next.log.accept(next.openCheckpoint(fromNew.note), { from: 1, to: 2, hashes: [b] })
  assert.equal((await (await open()).log.known())?.size, 2)
})

test('ID-24: a revoked issuing key signs no new checkpoint; its old one stays valid', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const sign = (size: number, by = issuer) =>
    signCheckpoint(by, TEST_FLEET, { size, root: leafHash(Buffer.from('a')), at: TEST_TIME + size })
  const known = await sign(1)
  await trust.log.accept(trust.openCheckpoint(known.note))
  await trust.learn({
    revocations: [await revoke(olive, 1, { kind: 'key', target: issuer.fingerprint })],
  })
  for (const state of [trust, await open()]) {
    const { note } = await sign(2)
    assert.throws(() => state.openCheckpoint(note), code('audit.note'))
    assert.deepEqual([state.issuers(), (await state.log.known())?.note], [[], known.note])
  }
})

test('trust-state: rejects a checkpoint that does not extend the newest one', async (t) => {
  const { open } = await home(t)
  const trust = await open()
  const sign = (root: Uint8Array, size = 1) =>
    signCheckpoint(issuer, TEST_FLEET, { size, root, at: TEST_TIME })
  await trust.log.accept(await sign(leafHash(Buffer.from('a'))))
  await assert.rejects(
    trust.log.accept(await sign(leafHash(Buffer.from('b')))),
    code('audit.equivocation'),
  )
  await assert.rejects((await open()).log.accept(await sign(EMPTY_ROOT, 0)), code('audit.smaller'))
})

test('trust-state: a failure other than one of the disk changes nothing', async (t) => {
  const { open } = await home(t)
  let full = false
  const trust = await open({
    ...systemRandom,
    bytes: (length) => {
      if (full) throw new Error('no space left')
      return systemRandom.bytes(length)
    },
  })
  await trust.learn({
    revocations: [await revoke(olive, 1, { kind: 'grant', target: testUuid(7) })],
  })
  full = true
  const gone = await revoke(olive, 2, { kind: 'agent', target: TEST_AGENT })
  await assert.rejects(trust.learn({ revocations: [gone] }), /no space/)
  assert.equal(trust.revocations().epoch, 1)
  full = false
  await trust.learn({ revocations: [gone] })
  assert.equal((await open()).revocations().epoch, 2)
})

test('trust-state: reports files of another format as damaged, not as empty', async (t) => {
  const { open, folder } = await home(t)
  const trust = await open()
  await trust.keepCertificate(await signedSample('certificate', issuer))
  const good = await readFile(join(folder, 'trust.json'), 'utf8')
  for (const bad of [
    '',
    '{',
    'null',
    '{"roots":[]}',
    good.replace('sshsig', 'rot13'),
    good.slice(0, -10),
  ]) {
    await writeFile(join(folder, 'trust.json'), bad)
    await assert.rejects(open(), code('trust-state.damaged'), bad.slice(0, 40))
  }
  await writeFile(join(folder, 'trust.json'), good)
  await writeFile(join(folder, 'checkpoint'), 'not a note')
  await assert.rejects((await open()).log.known(), code('audit.note'))
})
