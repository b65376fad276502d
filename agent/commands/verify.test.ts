/**
 * Intents with one fault each. The host refuses each for its fault. One file because all rows of
 * the table share one genuine intent and its log.
 */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { TrustState } from '../../node/membership/trust-state.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import { MusterError } from '../../shared/errors.ts'
import { systemRandom } from '../../shared/random.ts'
import {
  base64Key,
  minutesLater,
  OTHER_FLEET,
  sampleBody,
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { type Opening, openingsOf } from '../../shared/trust/commitment.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import { type Signed, signStatement } from '../../shared/trust/signed.ts'
import {
  delegate,
  joinedTrust,
  LABELS,
  operationOf,
  operator,
  requestFor,
  OTHER_AGENT,
  root,
  runOf,
  startArguments,
  startIntent,
  stopIntent,
  stranger,
  type TestClock,
  testClock,
  type TestLog,
  testLog,
  webGrant,
} from '../testing/coordinator-stand-in.ts'
import { verifyIntent, type VerifyDeps } from './verify.ts'

interface Host {
  readonly deps: VerifyDeps
  readonly clock: TestClock
  readonly trust: TrustState
  readonly log: TestLog
}

async function host(t: TestContext): Promise<Host> {
  const { trust } = await joinedTrust(t)
  const clock = testClock()
  return {
    deps: { trust, clock, fleet: TEST_FLEET, agent: TEST_AGENT, labels: () => LABELS },
    clock,
    trust,
    log: testLog(),
  }
}

/**
 * Returns the host's decision: `accepted`, or the code of its refusal. The reason follows if there
 * is one.
 */
async function verdict(deps: VerifyDeps, request: PerformRequest): Promise<string> {
  try {
    await verifyIntent(deps, request)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    const reason = error.data['reason']
    return typeof reason === 'string' ? `${error.code}: ${reason}` : error.code
  }
}

const revocation = (
  epoch: number,
  what: { kind: 'grant' | 'key' | 'agent'; target: string },
  signer = operator,
): Promise<Signed> =>
  signedSample('revocation', signer, { id: testUuid(800 + epoch), epoch, ...what })

test('PC-06: accepts a valid intent of an operator or a delegate', async (t) => {
  const { deps, log } = await host(t)
  const verified = await verifyIntent(deps, await requestFor(log, await startIntent(1)))
  assert.equal(verified.verb, 'run.start')
  assert.deepEqual(verified.arguments, startArguments(runOf(1)))
  assert.deepEqual(verified.environment, {})
  const known = await deps.trust.log.known()
  assert.equal(known?.size, 2)

  // The log grows. The coordinator proves the next intent from this host's position.
  for (let n = 0; n < 5; n += 1)
    log.append('intent', await startIntent(100 + n), operationOf(100 + n))
  const grants = [await webGrant()]
  assert.equal(
    await verdict(
      deps,
      await requestFor(log, await startIntent(2, {}, delegate), { from: 2, grants }),
    ),
    'accepted',
  )
  const friend = testKey(3)
  const chain = [
    await webGrant({ depth: 1 }),
    await webGrant(
      { id: testUuid(71), subject: friend.fingerprint, parent: testUuid(70) },
      delegate,
    ),
  ]
  const from = (await deps.trust.log.known())?.size as number
  const third = await requestFor(log, await startIntent(4, {}, friend), { from, grants: chain })
  assert.equal(await verdict(deps, third), 'accepted')
  assert.equal(
    await verdict(deps, third),
    'accepted',
    'the same intent again: the journal decides about repetitions',
  )
  const stop = await requestFor(log, await stopIntent(5, runOf(1), 0), {
    from: (await deps.trust.log.known())?.size as number,
  })
  assert.equal((await verifyIntent(deps, stop)).verb, 'run.stop')
  const sealed = await startIntent(6, { arguments: startArguments(runOf(6), ['true'], VALUES) })
  const sixth = await requestFor(log, sealed, {
    from: (await deps.trust.log.known())?.size as number,
    values: VALUES,
  })
  assert.deepEqual((await verifyIntent(deps, sixth)).environment, { TOKEN: 'hunter2', OTHER: 'x' })
})

const VALUES = openingsOf({ random: systemRandom }, { TOKEN: 'hunter2', OTHER: 'x' })
const [TOKEN, OTHER] = VALUES as [Opening, Opening]
/** An intent that commits to {@link VALUES}. It is sent with other values. */
const withValues =
  (values?: Opening[]) =>
  async ({ log }: Host): Promise<PerformRequest> =>
    requestFor(
      log,
      await startIntent(1, { arguments: startArguments(runOf(1), ['true'], VALUES) }),
      {
        from: 2,
        ...(values ? { values } : {}),
      },
    )

/** Returns a valid intent whose log entry differs from it. */
async function disguised(
  log: TestLog,
  type: 'intent' | 'policy',
  operation: string | null,
  changes: Partial<Signed> = {},
): Promise<PerformRequest> {
  const intent = await startIntent(1)
  const index = log.append(type, { ...intent, ...changes }, operation)
  const { note: checkpoint, size } = await log.checkpoint()
  const good = await requestFor(testLog(), intent, {})
  const proof = {
    inclusion: await log.inclusion(index),
    checkpoint,
    consistency: await log.consistency(2, size),
    consistentFrom: 2,
  }
  return { ...good, entry: log.entry(index), index, ...proof }
}

/** Valid requests that each get one fault. The host has the log up to its second entry. */
const WRONG: Record<string, { refusal: string; request: (host: Host) => Promise<PerformRequest> }> =
  {
    'it has expired': {
      refusal: 'trust.expired',
      request: async ({ log, clock }) => {
        clock.at = TEST_TIME + 5 * 60_000
        return requestFor(log, await startIntent(1), { from: 2 })
      },
    },
    'it was issued in the future': {
      refusal: 'trust.too-early',
      request: async ({ log }) =>
        requestFor(
          log,
          await startIntent(1, { issuedAt: minutesLater(3), expiresAt: minutesLater(6) }),
          { from: 2 },
        ),
    },
    'it is of another fleet': {
      refusal: 'trust.fleet',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, { fleet: OTHER_FLEET }), { from: 2 }),
    },
    'it is for another host': {
      refusal: 'command.not-for-us',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, { targets: [OTHER_AGENT] }), { from: 2 }),
    },
    'it has no run for this host': {
      refusal: 'command.malformed: it has no run id for this host',
      request: async ({ log }) =>
        requestFor(
          log,
          await startIntent(1, {
            arguments: { ...startArguments(runOf(1)), runs: { [OTHER_AGENT]: runOf(1) } },
          }),
          { from: 2 },
        ),
    },
    'its statement was altered': {
      refusal: 'trust.signature',
      request: async ({ log }) => {
        const good = await requestFor(log, await startIntent(1), { from: 2 })
        const statement = Buffer.from(
          Buffer.from(good.intent.statement).toString().replace('"true"', '"halt"'),
        )
        return { ...good, intent: { ...good.intent, statement } }
      },
    },
    'its statement was altered, also in the log': {
      refusal: 'trust.signature',
      request: async ({ log }) => {
        const intent = await startIntent(1)
        const statement = Buffer.from(
          Buffer.from(intent.statement).toString().replace('"true"', '"halt"'),
        )
        return requestFor(log, { ...intent, statement }, { from: 2 })
      },
    },
    'its signature is of another key than it names': {
      refusal: 'trust.signature',
      request: async ({ log }) =>
        requestFor(log, { ...(await startIntent(1)), key: stranger.publicKey }, { from: 2 }),
    },
    'its actor did not sign it': {
      refusal: 'trust.author',
      request: async ({ log }) => {
        const claimed = { ...sampleBody('intent', stranger), arguments: startArguments(runOf(1)) }
        const honest = await signStatement(stranger, 'intent', claimed)
        const text = Buffer.from(honest.statement)
          .toString()
          .replace(stranger.fingerprint, operator.fingerprint)
        const statement = Buffer.from(text)
        const { signSshsig } = await import('../../shared/identity/sshsig.ts')
        return requestFor(
          log,
          { ...honest, statement, signature: await signSshsig(stranger, 'muster', statement) },
          { from: 2 },
        )
      },
    },
    'it is signed for another use': {
      refusal: 'trust.signature',
      request: async ({ log }) => {
        const intent = await startIntent(1)
        const { signSshsig } = await import('../../shared/identity/sshsig.ts')
        return requestFor(
          log,
          { ...intent, signature: await signSshsig(operator, 'muster-root', intent.statement) },
          { from: 2 },
        )
      },
    },
    'its verb is not for agents': {
      refusal: 'command.unknown-verb',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, { verb: 'repo.sync', namespace: 'repo' }), {
          from: 2,
        }),
    },
    'its namespace is another': {
      refusal: 'command.malformed: its namespace is facts',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, { namespace: 'facts' }), { from: 2 }),
    },
    'it has an unknown argument': {
      refusal: 'command.malformed: its arguments are not those of the verb',
      request: async ({ log }) =>
        requestFor(
          log,
          await startIntent(1, { arguments: { ...startArguments(runOf(1)), privileged: true } }),
          { from: 2 },
        ),
    },
    'its values are missing': {
      refusal: 'trust.opening: it was not sent with the intent',
      request: withValues(),
    },
    'one of its values is missing': {
      refusal: 'trust.opening: it was not sent with the intent',
      request: withValues([TOKEN]),
    },
    'one of its values was altered': {
      refusal: 'trust.opening: it does not match the signed commitment',
      request: withValues([{ ...TOKEN, value: 'hunter3' }, OTHER]),
    },
    'its values were exchanged': {
      refusal: 'trust.opening: it does not match the signed commitment',
      request: withValues([
        { ...TOKEN, salt: OTHER.salt, value: OTHER.value },
        { ...OTHER, salt: TOKEN.salt, value: TOKEN.value },
      ]),
    },
    'one of its values came twice': {
      refusal: 'trust.opening: it was sent twice',
      request: withValues([TOKEN, TOKEN, OTHER]),
    },
    'it has a variable that is not signed': {
      refusal: 'trust.opening: the intent does not name it',
      request: withValues([TOKEN, OTHER, { ...TOKEN, name: 'LD_PRELOAD' }]),
    },
    'a stop was given variables': {
      refusal: 'trust.opening: the intent does not name it',
      request: async ({ log }) =>
        requestFor(log, await stopIntent(1, runOf(1), 0), { from: 2, values: [TOKEN] }),
    },
    'its variables have plain values, as in version 0.1.0': {
      refusal: 'command.malformed: its arguments are not those of the verb',
      request: async ({ log }) =>
        requestFor(
          log,
          await startIntent(1, { arguments: { ...startArguments(runOf(1)), env: { A: 'x' } } }),
          { from: 2 },
        ),
    },
    'it has no grant': {
      refusal: 'command.not-covered: no grant names it',
      request: async ({ log }) => requestFor(log, await startIntent(1, {}, stranger), { from: 2 }),
    },
    'its grant is missing': {
      refusal: 'command.not-covered: no grant names it',
      request: async ({ log }) => requestFor(log, await startIntent(1, {}, delegate), { from: 2 }),
    },
    'its grant has expired': {
      refusal: 'command.not-covered: its grant has expired',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ notAfter: minutesLater(-1) })],
        }),
    },
    'its grant is not valid yet': {
      refusal: 'command.not-covered: its grant is not valid yet',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ notBefore: minutesLater(30), notAfter: minutesLater(60) })],
        }),
    },
    'its grant only allows to observe': {
      refusal: 'command.not-covered: its grant allows only to observe',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ level: 'observe' })],
        }),
    },
    'its grant is for other hosts': {
      refusal: 'command.not-covered: its grant does not cover this host',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ selector: { labels: { role: 'db' } } })],
        }),
    },
    'its grant is of another area': {
      refusal: 'command.not-covered: no grant covers this namespace',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ namespace: 'facts' })],
        }),
    },
    'its grant was revoked': {
      refusal: 'command.not-covered: its grant was revoked',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant()],
          revocations: [await revocation(1, { kind: 'grant', target: testUuid(70) })],
        }),
    },
    'its grant was revoked, as this host already knows': {
      refusal: 'command.not-covered: its grant was revoked',
      request: async ({ log, trust }) => {
        await trust.learn({
          revocations: [await revocation(1, { kind: 'grant', target: testUuid(70) })],
        })
        return requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant()],
        })
      },
    },
    'its grant is signed by another key': {
      refusal: 'command.not-covered: no grant names it',
      request: async ({ log }) => {
        const grant = await webGrant()
        return requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [{ ...grant, key: stranger.publicKey }],
        })
      },
    },
    'its grant is from an actor without rights': {
      refusal: 'command.not-covered: its grant does not lead to an operator of the fleet',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({}, stranger)],
        }),
    },
    'its grant is of another fleet': {
      refusal: 'command.not-covered: no grant names it',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant({ fleet: OTHER_FLEET })],
        }),
    },
    'the key of its actor was revoked': {
      refusal: 'command.not-covered: its key was revoked',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1, {}, delegate), {
          from: 2,
          grants: [await webGrant()],
          revocations: [await revocation(1, { kind: 'key', target: delegate.fingerprint })],
        }),
    },
    'a revocation of its key is from an actor without rights': {
      refusal: 'trust.revoker: only an operator of the fleet may revoke keys',
      request: async ({ log }) =>
        requestFor(log, await startIntent(1), {
          from: 2,
          revocations: [
            await revocation(1, { kind: 'key', target: operator.fingerprint }, stranger),
          ],
        }),
    },
    'its root is signed by an unknown key': {
      refusal: 'trust.root',
      request: async ({ log }) => {
        const next = await signStatement(stranger, 'root', {
          ...sampleBody('root', stranger),
          version: 2,
          operators: [{ key: base64Key(stranger), name: 'me' }],
          previous: rootDigest(root.statement),
        })
        return {
          ...(await requestFor(log, await startIntent(1, {}, stranger), { from: 2 })),
          roots: [[root], [next]],
        }
      },
    },
    'its proof is missing': {
      refusal: 'audit.proof',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        inclusion: [],
      }),
    },
    'its proof is of another entry': {
      refusal: 'audit.proof',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        inclusion: await log.inclusion(1),
      }),
    },
    'its proof has a hash too many': {
      refusal: 'audit.proof',
      request: async ({ log }) => {
        const good = await requestFor(log, await startIntent(1), { from: 2 })
        return { ...good, inclusion: [...good.inclusion, new Uint8Array(32)] }
      },
    },
    'its index is of another entry': {
      refusal: 'audit.proof',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        index: 1,
      }),
    },
    'its index is beyond the checkpoint': {
      refusal: 'audit.proof: the entry is beyond the checkpoint',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        index: 3,
      }),
    },
    'its entry is in no log at all': {
      refusal: 'audit.proof',
      request: async ({ log }) => {
        const other = testLog()
        const good = await requestFor(log, await startIntent(1), { from: 2 })
        return {
          ...good,
          entry: other.entry(other.append('intent', good.intent, operationOf(999))),
        }
      },
    },
    'its entry contains another intent of the same actor': {
      refusal: 'command.no-proof: the log entry contains another intent',
      request: async ({ log }) => {
        const logged = await requestFor(log, await startIntent(1), { from: 2 })
        return {
          ...logged,
          intent: await startIntent(1, { arguments: startArguments(runOf(1), ['halt']) }),
        }
      },
    },
    'its entry contains an outcome': {
      refusal: 'command.no-proof: the log entry contains another intent',
      request: async ({ log }) => {
        const intent = await startIntent(1)
        const index = log.append(
          'outcome',
          await signedSample('outcome', testKey(200)),
          operationOf(1),
        )
        return {
          ...(await requestFor(testLog(), intent, {})),
          entry: log.entry(index),
          index,
          inclusion: await log.inclusion(index),
        }
      },
    },
    'its entry names another operation': {
      refusal: 'command.no-proof: the log entry files it as intent under another operation',
      request: async ({ log }) => disguised(log, 'intent', operationOf(999)),
    },
    'its entry has no operation': {
      refusal: 'command.no-proof: the log entry files it as intent under another operation',
      request: async ({ log }) => disguised(log, 'intent', null),
    },
    'its entry has the type of a change of rights': {
      refusal: 'command.no-proof: the log entry files it as policy',
      request: async ({ log }) => disguised(log, 'policy', operationOf(1)),
    },
    'its entry names another key': {
      refusal: 'command.no-proof: the log entry contains another intent',
      request: async ({ log }) =>
        disguised(log, 'intent', operationOf(1), { key: stranger.publicKey }),
    },
    'its entry is not an entry': {
      refusal: 'audit.entry',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        entry: Buffer.from('{}'),
      }),
    },
    'its checkpoint is signed by an unknown key': {
      refusal: 'audit.note',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        checkpoint: (await log.checkpoint(undefined, { signer: stranger })).note,
      }),
    },
    'its checkpoint is signed by an operator, not an issuer': {
      refusal: 'audit.note',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        checkpoint: (await log.checkpoint(undefined, { signer: operator })).note,
      }),
    },
    'its checkpoint is of another fleet': {
      refusal: 'audit.note',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        checkpoint: (await log.checkpoint(undefined, { fleet: OTHER_FLEET })).note,
      }),
    },
    'its checkpoint was altered': {
      refusal: 'audit.note',
      request: async ({ log }) => {
        const good = await requestFor(log, await startIntent(1), { from: 2 })
        return {
          ...good,
          checkpoint: good.checkpoint.replace(`\n${log.size}\n`, `\n${log.size + 1}\n`),
        }
      },
    },
    'the log forked before the position of this host': {
      refusal: 'audit.proof',
      request: async () => {
        const fork = testLog()
        fork.append('intent', await startIntent(55), operationOf(55))
        return requestFor(fork, await startIntent(1), { from: 2 })
      },
    },
    'the log forked, and the proof of consistency is missing': {
      refusal: 'audit.proof',
      request: async ({ log }) => ({
        ...(await requestFor(log, await startIntent(1), { from: 2 })),
        consistency: [],
      }),
    },
    'two logs of the same size were signed': {
      refusal: 'audit.equivocation',
      request: async () => requestFor(testLog(), await startIntent(1), { from: 2 }),
    },
    'the log shrank': {
      refusal: 'audit.smaller',
      request: async ({ trust, log }) => {
        const small = await requestFor(log, await startIntent(1), { from: 2 })
        for (let n = 0; n < 3; n += 1)
          log.append('intent', await startIntent(60 + n), operationOf(60 + n))
        await trust.log.accept(await log.checkpoint(), {
          from: 2,
          to: log.size,
          hashes: await log.consistency(2),
        })
        return { ...small, consistentFrom: log.size }
      },
    },
    'the position of this host has moved': {
      refusal: 'command.position-moved',
      request: async ({ trust, log }) => {
        const request = await requestFor(log, await startIntent(1), { from: 2 })
        log.append('intent', await startIntent(60), operationOf(60))
        await trust.log.accept(await log.checkpoint(), {
          from: 2,
          to: log.size,
          hashes: await log.consistency(2),
        })
        return request
      },
    },
  }

test('PC-06, PC-07, AL-13, AL-16: a single fault rejects an intent', async (t) => {
  for (const [what, { refusal, request: make }] of Object.entries(WRONG)) {
    const each = await host(t)
    each.log.append('intent', await startIntent(50), operationOf(50))
    await each.trust.log.accept(await each.log.checkpoint())
    const request = await make(each)
    const before = await each.trust.log.known()
    const decision = await verdict(each.deps, request)
    assert.ok(decision === refusal || decision.startsWith(`${refusal}: `), `${what}: ${decision}`)
    assert.deepEqual(await each.trust.log.known(), before, `${what}: the checkpoint`)
    assert.equal(each.trust.root().root.version, 1, `${what}: the root`)
  }
})

test('PC-07: a new host also requires a proof of inclusion', async (t) => {
  const { deps, log } = await host(t)
  const good = await requestFor(log, await startIntent(1))
  assert.match(
    await verdict(deps, { ...good, inclusion: [leafHash(Buffer.from('x'))] }),
    /^audit.proof/,
  )
  assert.equal(await deps.trust.log.known(), undefined)
  assert.equal(await verdict(deps, good), 'accepted')
})

test('PC-06: the rights depend on the labels in the certificate', async (t) => {
  const { deps, log } = await host(t)
  const request = await requestFor(log, await startIntent(1, {}, delegate), {
    grants: [await webGrant()],
  })
  assert.match(await verdict({ ...deps, labels: () => ({}) }, request), /does not cover this host/)
  assert.match(
    await verdict({ ...deps, labels: () => ({ role: 'db' }) }, request),
    /does not cover this host/,
  )
  assert.equal(await verdict(deps, request), 'accepted')
})
