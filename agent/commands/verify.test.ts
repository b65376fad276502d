/**
 * Orders with one thing wrong, each refused for that reason. One file because the rows of the table
 * share one genuine order and its log.
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
  orderOf,
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
import { verifyOrder, type VerifyDeps } from './verify.ts'

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
 * What the host says to the order: `accepted`, or the code of its refusal with the reason where the
 * code has one.
 */
async function verdict(deps: VerifyDeps, request: PerformRequest): Promise<string> {
  try {
    await verifyOrder(deps, request)
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

test('PC-06: an order that is good in every respect is accepted, by an operator and along a chain of grants', async (t) => {
  const { deps, log } = await host(t)
  const order = await verifyOrder(deps, await orderOf(log, await startIntent(1)))
  assert.equal(order.verb, 'run.start')
  assert.deepEqual(order.arguments, startArguments(runOf(1)))
  assert.deepEqual(order.environment, {})
  const known = await deps.trust.log.known()
  assert.equal(known?.size, 2)

  // The log goes on, and the next order is proved from where this host is.
  for (let n = 0; n < 5; n += 1)
    log.append('intent', await startIntent(100 + n), operationOf(100 + n))
  const grants = [await webGrant()]
  assert.equal(
    await verdict(
      deps,
      await orderOf(log, await startIntent(2, {}, delegate), { from: 2, grants }),
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
  const third = await orderOf(log, await startIntent(4, {}, friend), { from, grants: chain })
  assert.equal(await verdict(deps, third), 'accepted')
  assert.equal(
    await verdict(deps, third),
    'accepted',
    'the same once more; whether it is carried out again is the journal’s question',
  )
  const stop = await orderOf(log, await stopIntent(5, runOf(1), 0), {
    from: (await deps.trust.log.known())?.size as number,
  })
  assert.equal((await verifyOrder(deps, stop)).verb, 'run.stop')
  const sealed = await startIntent(6, { arguments: startArguments(runOf(6), ['true'], VALUES) })
  const sixth = await orderOf(log, sealed, {
    from: (await deps.trust.log.known())?.size as number,
    values: VALUES,
  })
  assert.deepEqual((await verifyOrder(deps, sixth)).environment, { TOKEN: 'hunter2', OTHER: 'x' })
})

const VALUES = openingsOf({ random: systemRandom }, { TOKEN: 'hunter2', OTHER: 'x' })
const [TOKEN, OTHER] = VALUES as [Opening, Opening]
/** An order that commits to {@link VALUES}, brought with others. */
const withValues =
  (values?: Opening[]) =>
  async ({ log }: Host): Promise<PerformRequest> =>
    orderOf(log, await startIntent(1, { arguments: startArguments(runOf(1), ['true'], VALUES) }), {
      from: 2,
      ...(values ? { values } : {}),
    })

/** A good order whose log entry says something else of it than it does of itself. */
async function disguised(
  log: TestLog,
  type: 'intent' | 'policy',
  operation: string | null,
  changes: Partial<Signed> = {},
): Promise<PerformRequest> {
  const intent = await startIntent(1)
  const index = log.append(type, { ...intent, ...changes }, operation)
  const { note: checkpoint, size } = await log.checkpoint()
  const good = await orderOf(testLog(), intent, {})
  const proof = {
    inclusion: await log.inclusion(index),
    checkpoint,
    consistency: await log.consistency(2, size),
    consistentFrom: 2,
  }
  return { ...good, entry: log.entry(index), index, ...proof }
}

/** Each is a good order with one thing wrong. The host knows the log up to its second entry. */
const WRONG: Record<string, { says: string; order: (host: Host) => Promise<PerformRequest> }> = {
  'it has expired': {
    says: 'trust.expired',
    order: async ({ log, clock }) => {
      clock.at = TEST_TIME + 5 * 60_000
      return orderOf(log, await startIntent(1), { from: 2 })
    },
  },
  'it comes from the future': {
    says: 'trust.too-early',
    order: async ({ log }) =>
      orderOf(
        log,
        await startIntent(1, { issuedAt: minutesLater(3), expiresAt: minutesLater(6) }),
        { from: 2 },
      ),
  },
  'it is of another fleet': {
    says: 'trust.fleet',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, { fleet: OTHER_FLEET }), { from: 2 }),
  },
  'it is for another host': {
    says: 'command.not-for-us',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, { targets: [OTHER_AGENT] }), { from: 2 }),
  },
  'it names no run for this host': {
    says: 'command.malformed: it has no run id for this host',
    order: async ({ log }) =>
      orderOf(
        log,
        await startIntent(1, {
          arguments: { ...startArguments(runOf(1)), runs: { [OTHER_AGENT]: runOf(1) } },
        }),
        { from: 2 },
      ),
  },
  'its words were altered': {
    says: 'trust.signature',
    order: async ({ log }) => {
      const good = await orderOf(log, await startIntent(1), { from: 2 })
      const statement = Buffer.from(
        Buffer.from(good.intent.statement).toString().replace('"true"', '"halt"'),
      )
      return { ...good, intent: { ...good.intent, statement } }
    },
  },
  'its words were altered, in the log as well': {
    says: 'trust.signature',
    order: async ({ log }) => {
      const intent = await startIntent(1)
      const statement = Buffer.from(
        Buffer.from(intent.statement).toString().replace('"true"', '"halt"'),
      )
      return orderOf(log, { ...intent, statement }, { from: 2 })
    },
  },
  'its signature is of another key than it names': {
    says: 'trust.signature',
    order: async ({ log }) =>
      orderOf(log, { ...(await startIntent(1)), key: stranger.publicKey }, { from: 2 }),
  },
  'its actor did not sign it': {
    says: 'trust.author',
    order: async ({ log }) => {
      const claimed = { ...sampleBody('intent', stranger), arguments: startArguments(runOf(1)) }
      const honest = await signStatement(stranger, 'intent', claimed)
      const text = Buffer.from(honest.statement)
        .toString()
        .replace(stranger.fingerprint, operator.fingerprint)
      const statement = Buffer.from(text)
      const { signSshsig } = await import('../../shared/identity/sshsig.ts')
      return orderOf(
        log,
        { ...honest, statement, signature: await signSshsig(stranger, 'muster', statement) },
        { from: 2 },
      )
    },
  },
  'it is signed for another use': {
    says: 'trust.signature',
    order: async ({ log }) => {
      const intent = await startIntent(1)
      const { signSshsig } = await import('../../shared/identity/sshsig.ts')
      return orderOf(
        log,
        { ...intent, signature: await signSshsig(operator, 'muster-root', intent.statement) },
        { from: 2 },
      )
    },
  },
  'it orders what agents do not do': {
    says: 'command.unknown-verb',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, { verb: 'repo.sync', namespace: 'repo' }), { from: 2 }),
  },
  'it asks for a right of another area': {
    says: 'command.malformed: its namespace is facts',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, { namespace: 'facts' }), { from: 2 }),
  },
  'it has an argument that nobody knows': {
    says: 'command.malformed: its arguments are not those of the verb',
    order: async ({ log }) =>
      orderOf(
        log,
        await startIntent(1, { arguments: { ...startArguments(runOf(1)), privileged: true } }),
        { from: 2 },
      ),
  },
  'its values were left out': {
    says: 'trust.opening: it was not sent with the intent',
    order: withValues(),
  },
  'one of its values was left out': {
    says: 'trust.opening: it was not sent with the intent',
    order: withValues([TOKEN]),
  },
  'one of its values was altered': {
    says: 'trust.opening: it does not match the signed commitment',
    order: withValues([{ ...TOKEN, value: 'hunter3' }, OTHER]),
  },
  'its values were exchanged': {
    says: 'trust.opening: it does not match the signed commitment',
    order: withValues([
      { ...TOKEN, salt: OTHER.salt, value: OTHER.value },
      { ...OTHER, salt: TOKEN.salt, value: TOKEN.value },
    ]),
  },
  'one of its values came twice': {
    says: 'trust.opening: it was sent twice',
    order: withValues([TOKEN, TOKEN, OTHER]),
  },
  'a variable was added that nobody signed': {
    says: 'trust.opening: the intent does not name it',
    order: withValues([TOKEN, OTHER, { ...TOKEN, name: 'LD_PRELOAD' }]),
  },
  'a stop was given variables': {
    says: 'trust.opening: the intent does not name it',
    order: async ({ log }) =>
      orderOf(log, await stopIntent(1, runOf(1), 0), { from: 2, values: [TOKEN] }),
  },
  'its variables stand in it in clear, as those of version 0.1.0 did': {
    says: 'command.malformed: its arguments are not those of the verb',
    order: async ({ log }) =>
      orderOf(
        log,
        await startIntent(1, { arguments: { ...startArguments(runOf(1)), env: { A: 'x' } } }),
        { from: 2 },
      ),
  },
  'nobody granted it': {
    says: 'command.not-covered: no grant names it',
    order: async ({ log }) => orderOf(log, await startIntent(1, {}, stranger), { from: 2 }),
  },
  'its grant was left out': {
    says: 'command.not-covered: no grant names it',
    order: async ({ log }) => orderOf(log, await startIntent(1, {}, delegate), { from: 2 }),
  },
  'its grant has expired': {
    says: 'command.not-covered: its grant has expired',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ notAfter: minutesLater(-1) })],
      }),
  },
  'its grant has not begun': {
    says: 'command.not-covered: its grant is not valid yet',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ notBefore: minutesLater(30), notAfter: minutesLater(60) })],
      }),
  },
  'its grant only lets observe': {
    says: 'command.not-covered: its grant allows only to observe',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ level: 'observe' })],
      }),
  },
  'its grant is for other hosts': {
    says: 'command.not-covered: its grant does not cover this host',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ selector: { labels: { role: 'db' } } })],
      }),
  },
  'its grant is of another area': {
    says: 'command.not-covered: no grant covers this namespace',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ namespace: 'facts' })],
      }),
  },
  'its grant was revoked': {
    says: 'command.not-covered: its grant was revoked',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant()],
        revocations: [await revocation(1, { kind: 'grant', target: testUuid(70) })],
      }),
  },
  'its grant was revoked, as this host has heard from others': {
    says: 'command.not-covered: its grant was revoked',
    order: async ({ log, trust }) => {
      await trust.learn({
        revocations: [await revocation(1, { kind: 'grant', target: testUuid(70) })],
      })
      return orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant()],
      })
    },
  },
  'its grant was signed by somebody else': {
    says: 'command.not-covered: no grant names it',
    order: async ({ log }) => {
      const grant = await webGrant()
      return orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [{ ...grant, key: stranger.publicKey }],
      })
    },
  },
  'its grant was given by somebody who holds nothing': {
    says: 'command.not-covered: its grant does not lead to an operator of the fleet',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({}, stranger)],
      }),
  },
  'its grant is of another fleet': {
    says: 'command.not-covered: no grant names it',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant({ fleet: OTHER_FLEET })],
      }),
  },
  'the key of its actor was revoked': {
    says: 'command.not-covered: its key was revoked',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1, {}, delegate), {
        from: 2,
        grants: [await webGrant()],
        revocations: [await revocation(1, { kind: 'key', target: delegate.fingerprint })],
      }),
  },
  'somebody revokes a key who may not': {
    says: 'trust.revoker: only an operator of the fleet may revoke keys',
    order: async ({ log }) =>
      orderOf(log, await startIntent(1), {
        from: 2,
        revocations: [await revocation(1, { kind: 'key', target: operator.fingerprint }, stranger)],
      }),
  },
  'it brings a root that nobody signed who may': {
    says: 'trust.root',
    order: async ({ log }) => {
      const next = await signStatement(stranger, 'root', {
        ...sampleBody('root', stranger),
        version: 2,
        operators: [{ key: base64Key(stranger), name: 'me' }],
        previous: rootDigest(root.statement),
      })
      return {
        ...(await orderOf(log, await startIntent(1, {}, stranger), { from: 2 })),
        roots: [[root], [next]],
      }
    },
  },
  'it brings no proof': {
    says: 'audit.proof',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      inclusion: [],
    }),
  },
  'its proof is of another entry': {
    says: 'audit.proof',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      inclusion: await log.inclusion(1),
    }),
  },
  'its proof has a hash too many': {
    says: 'audit.proof',
    order: async ({ log }) => {
      const good = await orderOf(log, await startIntent(1), { from: 2 })
      return { ...good, inclusion: [...good.inclusion, new Uint8Array(32)] }
    },
  },
  'its index is of another entry': {
    says: 'audit.proof',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      index: 1,
    }),
  },
  'its index is beyond the checkpoint': {
    says: 'audit.proof: the entry is beyond the checkpoint',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      index: 3,
    }),
  },
  'its entry is in no log at all': {
    says: 'audit.proof',
    order: async ({ log }) => {
      const other = testLog()
      const good = await orderOf(log, await startIntent(1), { from: 2 })
      return { ...good, entry: other.entry(other.append('intent', good.intent, operationOf(999))) }
    },
  },
  'its entry holds another order of the same person': {
    says: 'command.no-proof: the log entry holds another order',
    order: async ({ log }) => {
      const logged = await orderOf(log, await startIntent(1), { from: 2 })
      return {
        ...logged,
        intent: await startIntent(1, { arguments: startArguments(runOf(1), ['halt']) }),
      }
    },
  },
  'its entry holds an outcome instead': {
    says: 'command.no-proof: the log entry holds another order',
    order: async ({ log }) => {
      const intent = await startIntent(1)
      const index = log.append(
        'outcome',
        await signedSample('outcome', testKey(200)),
        operationOf(1),
      )
      return {
        ...(await orderOf(testLog(), intent, {})),
        entry: log.entry(index),
        index,
        inclusion: await log.inclusion(index),
      }
    },
  },
  'its entry files it under another operation, where nobody looks for it': {
    says: 'command.no-proof: the log entry files it as intent under another operation',
    order: async ({ log }) => disguised(log, 'intent', operationOf(999)),
  },
  'its entry files it under no operation': {
    says: 'command.no-proof: the log entry files it as intent under another operation',
    order: async ({ log }) => disguised(log, 'intent', null),
  },
  'its entry files it as a change of rights': {
    says: 'command.no-proof: the log entry files it as policy',
    order: async ({ log }) => disguised(log, 'policy', operationOf(1)),
  },
  'its entry names another key, so that nobody can verify it later': {
    says: 'command.no-proof: the log entry holds another order',
    order: async ({ log }) => disguised(log, 'intent', operationOf(1), { key: stranger.publicKey }),
  },
  'its entry is no entry': {
    says: 'audit.entry',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      entry: Buffer.from('{}'),
    }),
  },
  'its checkpoint is signed by nobody known': {
    says: 'audit.note',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      checkpoint: (await log.checkpoint(undefined, { signer: stranger })).note,
    }),
  },
  'its checkpoint is signed by an operator, who is no issuer': {
    says: 'audit.note',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      checkpoint: (await log.checkpoint(undefined, { signer: operator })).note,
    }),
  },
  'its checkpoint is of another fleet': {
    says: 'audit.note',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      checkpoint: (await log.checkpoint(undefined, { fleet: OTHER_FLEET })).note,
    }),
  },
  'its checkpoint was altered': {
    says: 'audit.note',
    order: async ({ log }) => {
      const good = await orderOf(log, await startIntent(1), { from: 2 })
      return {
        ...good,
        checkpoint: good.checkpoint.replace(`\n${log.size}\n`, `\n${log.size + 1}\n`),
      }
    },
  },
  'the log forked behind what this host has seen': {
    says: 'audit.proof',
    order: async () => {
      const fork = testLog()
      fork.append('intent', await startIntent(55), operationOf(55))
      return orderOf(fork, await startIntent(1), { from: 2 })
    },
  },
  'the log forked, and nothing proves that it did not': {
    says: 'audit.proof',
    order: async ({ log }) => ({
      ...(await orderOf(log, await startIntent(1), { from: 2 })),
      consistency: [],
    }),
  },
  'two logs of the same size were signed': {
    says: 'audit.equivocation',
    order: async () => orderOf(testLog(), await startIntent(1), { from: 2 }),
  },
  'the log shrank': {
    says: 'audit.smaller',
    order: async ({ trust, log }) => {
      const small = await orderOf(log, await startIntent(1), { from: 2 })
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
  'this host has moved on since it was asked': {
    says: 'command.position-moved',
    order: async ({ trust, log }) => {
      const order = await orderOf(log, await startIntent(1), { from: 2 })
      log.append('intent', await startIntent(60), operationOf(60))
      await trust.log.accept(await log.checkpoint(), {
        from: 2,
        to: log.size,
        hashes: await log.consistency(2),
      })
      return order
    },
  },
}

test('PC-06, PC-07, AL-13, AL-16: an order with one thing wrong is refused for that reason, and moves nothing that this host remembers', async (t) => {
  for (const [what, { says, order }] of Object.entries(WRONG)) {
    const each = await host(t)
    each.log.append('intent', await startIntent(50), operationOf(50))
    await each.trust.log.accept(await each.log.checkpoint())
    const request = await order(each)
    const before = await each.trust.log.known()
    const said = await verdict(each.deps, request)
    assert.ok(said === says || said.startsWith(`${says}: `), `${what}: ${said}, expected ${says}`)
    assert.deepEqual(await each.trust.log.known(), before, `${what}: the checkpoint`)
    assert.equal(each.trust.root().root.version, 1, `${what}: the root`)
  }
})

test('PC-07: a host that has seen nothing yet takes no order without inclusion either', async (t) => {
  const { deps, log } = await host(t)
  const good = await orderOf(log, await startIntent(1))
  assert.match(
    await verdict(deps, { ...good, inclusion: [leafHash(Buffer.from('x'))] }),
    /^audit.proof/,
  )
  assert.equal(await deps.trust.log.known(), undefined)
  assert.equal(await verdict(deps, good), 'accepted')
})

test('PC-06: labels come from the certificate, so an order for a role reaches only who has it by the log', async (t) => {
  const { deps, log } = await host(t)
  const order = await orderOf(log, await startIntent(1, {}, delegate), {
    grants: [await webGrant()],
  })
  assert.match(await verdict({ ...deps, labels: () => ({}) }, order), /does not cover this host/)
  assert.match(
    await verdict({ ...deps, labels: () => ({ role: 'db' }) }, order),
    /does not cover this host/,
  )
  assert.equal(await verdict(deps, order), 'accepted')
})
