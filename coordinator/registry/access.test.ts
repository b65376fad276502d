import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  OTHER_FLEET,
  signedSample,
  TEST_AGENT,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { isKeyRevoked } from '../../shared/trust/revocations.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { toText } from '../../shared/trust/transport.ts'
import { grantHandlers } from '../handlers/control/grants.ts'
import { DIALECTS } from '../database/testing.ts'
import {
  delegate,
  operator,
  secondOperator,
  stranger,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'

const grantOf = (
  n: number,
  changes: Parameters<typeof signedSample<'grant'>>[2] = {},
  by = operator,
): Promise<Signed> =>
  signedSample('grant', by, {
    id: testUuid(500 + n),
    subject: delegate.fingerprint,
    level: 'control',
    ...changes,
  })
const revocationOf = (
  epoch: number,
  what: { kind: 'grant' | 'key' | 'agent'; target: string },
  by = operator,
  id = epoch,
): Promise<Signed> => signedSample('revocation', by, { id: testUuid(800 + id), epoch, ...what })

async function add(coordinator: TestCoordinator, grant: Signed, by = operator) {
  return coordinator.perform(
    await coordinator.intent('grant.add', { arguments: { grant: toText(grant) as never }, by }),
    { by },
  )
}
async function revoke(coordinator: TestCoordinator, revocation: Signed, by = operator) {
  return coordinator.perform(
    await coordinator.intent('grant.revoke', {
      arguments: { revocation: toText(revocation) as never },
      by,
    }),
    {
      by,
    },
  )
}
const ask = (coordinator: TestCoordinator, actor = delegate) =>
  ({
    actor: actor.fingerprint,
    namespace: 'run',
    level: 'control',
    at: coordinator.clock.at,
    target: { agent: TEST_AGENT, labels: {} },
  }) as const

for (const dialect of DIALECTS) {
  describe(`access on ${dialect}`, () => {
    it(`every coordinator applies a grant and its revocation at once (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const second = await coordinator.start({ name: 'c2' })
      const may = async (): Promise<boolean[]> =>
        Promise.all(
          [coordinator.access, second.access].map((access) =>
            access.require(ask(coordinator)).then(
              () => true,
              () => false,
            ),
          ),
        )
      assert.deepEqual(await may(), [false, false])
      await add(coordinator, await grantOf(1))
      assert.deepEqual(await may(), [true, true])
      await revoke(coordinator, await revocationOf(1, { kind: 'grant', target: testUuid(501) }))
      assert.deepEqual(await may(), [false, false])
      await add(coordinator, await grantOf(2))
      assert.deepEqual(await may(), [true, true])
      await revoke(
        coordinator,
        await revocationOf(2, { kind: 'key', target: delegate.fingerprint }),
      )
      assert.deepEqual(await may(), [false, false])
      const row = await coordinator.database.query
        .selectFrom('grant_record')
        .select(['id', 'revoked_at'])
        .orderBy('id')
        .execute()
      assert.deepEqual(
        row.map((grant) => grant.revoked_at !== null),
        [true, false],
      )
      assert.equal((await second.access.state()).epoch, 2)
      assert.equal(coordinator.notified.revoked, 2)
    })

    it(`rejects a grant that is invalid, foreign or taken (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      await add(coordinator, await grantOf(1))
      const size = (await coordinator.ledger.head()).size
      const good = await grantOf(2)
      const bad: [string, Signed][] = [
        ['registry.grant-taken', await grantOf(1, { level: 'observe' })],
        ['operation.malformed', await grantOf(3, {}, secondOperator)],
        ['trust.signature', { ...good, key: secondOperator.publicKey }],
        ['trust.fleet', await grantOf(4, { fleet: OTHER_FLEET })],
        ['trust.type', await revocationOf(1, { kind: 'grant', target: testUuid(1) })],
      ]
      for (const [code, grant] of bad) await assert.rejects(add(coordinator, grant), { code }, code)
      assert.equal((await coordinator.ledger.head()).size, size)
    })

    it(`rejects a delegated grant that its issuer doesn't hold (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      await add(coordinator, await grantOf(1, { namespace: 'policy', depth: 1 }))
      const friend = testKey(4)
      const onward = await grantOf(
        2,
        { subject: friend.fingerprint, parent: testUuid(501) },
        delegate,
      )
      await assert.rejects(add(coordinator, onward, delegate), { code: 'trust.denied' })
      // These grants would have no effect. They have no parent, a parent that may not be passed on,
      // or a parent that doesn't exist.
      for (const changes of [
        { parent: null },
        { parent: testUuid(599) },
        { parent: testUuid(501), depth: 1 },
      ]) {
        const nothing = await grantOf(
          9,
          { subject: friend.fingerprint, selector: { agents: [TEST_AGENT] }, ...changes },
          delegate,
        )
        await assert.rejects(add(coordinator, nothing, delegate), {
          code: 'registry.grant-void',
          exit: 'denied',
        })
      }
      await add(coordinator, await grantOf(3, { depth: 1 }))
      await add(
        coordinator,
        await grantOf(4, { subject: friend.fingerprint, parent: testUuid(503) }, delegate),
        delegate,
      )
      await coordinator.access.require(ask(coordinator, friend))
    })

    it(`ID-26: an unauthorised revocation does not use up its epoch (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { access, database } = coordinator
      await add(coordinator, await grantOf(1, { namespace: 'policy' }))
      const [mine, onward] = [
        await grantOf(2, { depth: 1 }),
        await grantOf(3, { subject: stranger.fingerprint, parent: testUuid(502) }, delegate),
      ]
      await add(coordinator, mine)
      await add(coordinator, onward, delegate)
      // Adds an operator's grant that the delegate may not revoke. `twin` is the delegate's own
      // grant with the same id, and is not added.
      await add(coordinator, await grantOf(4, { subject: stranger.fingerprint }))
      const twin = await grantOf(
        4,
        { subject: stranger.fingerprint, parent: testUuid(502) },
        delegate,
      )
      const revocation = (target: number, chain?: Signed[]) =>
        signedSample('revocation', delegate, {
          epoch: 1,
          id: testUuid(800 + target),
          target: testUuid(500 + target),
          ...(chain === undefined
            ? {}
            : { chain: chain.map((one) => ({ ...toText(one), scheme: 'sshsig' as const })) }),
        })
      const size = (await coordinator.ledger.head()).size
      for (const bad of [
        await revocation(4),
        await revocation(3),
        await revocation(4, [mine, onward]),
      ])
        await assert.rejects(revoke(coordinator, bad, delegate), { code: 'trust.revoker' })
      assert.deepEqual(
        [(await access.state()).epoch, (await coordinator.ledger.head()).size],
        [0, size],
      )
      const revokedAt = async (id: number) =>
        (
          await database.query
            .selectFrom('grant_record')
            .select('revoked_at')
            .where('id', '=', testUuid(500 + id))
            .executeTakeFirst()
        )?.revoked_at
      const listed = async (id: number) =>
        (await grantHandlers({ access })['grant.list']({}, undefined as never)).grants.find(
          (grant) => grant.id === testUuid(500 + id),
        )?.revoked

      await revoke(coordinator, await revocation(3, [mine, onward]), delegate)
      assert.deepEqual([typeof (await revokedAt(3)), await listed(3)], ['number', true])
      const second = await signedSample('revocation', delegate, {
        epoch: 2,
        id: testUuid(804),
        target: testUuid(504),
        chain: [mine, twin].map((one) => ({ ...toText(one), scheme: 'sshsig' as const })),
      })
      await revoke(coordinator, second, delegate)
      // The delegate revoked its own grant, which was never added. The operator's grant is still
      // valid, and is listed as valid.
      assert.deepEqual([await revokedAt(4), await listed(4)], [null, false])
      await access.require(ask(coordinator, stranger))
    })

    it(`one of two concurrent revocations must be retried (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const [mine, yours] = [
        await revocationOf(1, { kind: 'key', target: stranger.fingerprint }),
        await revocationOf(1, { kind: 'key', target: delegate.fingerprint }, secondOperator, 50),
      ]
      const second = await coordinator.start({ name: 'c2' })
      const intent = await coordinator.intent('grant.revoke', {
        arguments: { revocation: toText(yours) as never },
        by: secondOperator,
      })
      const both = await Promise.allSettled([
        revoke(coordinator, mine),
        coordinator.perform(intent, { by: secondOperator, at: second }),
      ])
      const lost = both.filter((one) => one.status === 'rejected')
      assert.deepEqual(
        lost.map((one) => (one.reason as { code: string }).code),
        ['registry.epoch'],
      )
      const epochs = await coordinator.database.query
        .selectFrom('revocation_record')
        .select('epoch')
        .execute()
      assert.deepEqual(epochs, [{ epoch: 1 }])
      const winner = both[0]?.status === 'fulfilled' ? mine : yours
      await revoke(coordinator, winner, winner === mine ? operator : secondOperator)
      assert.equal(
        (await coordinator.database.query.selectFrom('revocation_record').selectAll().execute())
          .length,
        1,
      )
      await assert.rejects(
        revoke(coordinator, await revocationOf(3, { kind: 'grant', target: testUuid(1) })),
        { code: 'registry.epoch' },
      )
    })

    it(`ID-24: a rolled-back revocation leaves nothing in memory (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { access, database } = coordinator
      const never = await revocationOf(1, { kind: 'key', target: delegate.fingerprint })
      const rolledBack = database.transaction(async (tx) => {
        await access.insertRevocation(tx, never, 1)
        assert.equal(isKeyRevoked((await access.state(tx)).revocations, delegate.fingerprint), true)
        throw new Error('rolled back')
      })
      await assert.rejects(rolledBack, /rolled back/)
      // A second coordinator adds the revocation. So the first one sees the same number of rows as
      // before.
      const second = await coordinator.start({ name: 'c2' })
      const real = await revocationOf(1, { kind: 'key', target: stranger.fingerprint }, operator, 2)
      await database.transaction((tx) => second.access.insertRevocation(tx, real, 1))
      const { revocations } = await access.state()
      assert.deepEqual(
        [
          isKeyRevoked(revocations, delegate.fingerprint),
          isKeyRevoked(revocations, stranger.fingerprint),
        ],
        [false, true],
      )
    })

    it(`only an operator's signature can revoke a host (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const [web, db] = [await coordinator.member('web-1'), await coordinator.member('db-1')]
      await add(coordinator, await grantOf(1, { namespace: 'fleet' }))
      const attempt = async (revocation: Signed, target: string, by = operator) => {
        const intent = await coordinator.intent('agent.revoke', {
          targets: [target],
          arguments: { revocation: toText(revocation) as never },
          by,
        })
        return coordinator.perform(intent, { by })
      }
      const own = await revocationOf(1, { kind: 'agent', target: web.id }, delegate)
      await assert.rejects(attempt(own, web.id, delegate), { code: 'trust.revoker' })
      await assert.rejects(
        attempt(await revocationOf(1, { kind: 'agent', target: web.id }), db.id),
        { code: 'operation.malformed' },
      )
      await assert.rejects(
        attempt(await revocationOf(1, { kind: 'key', target: stranger.fingerprint }), web.id),
        {
          code: 'operation.malformed',
        },
      )
      await attempt(await revocationOf(1, { kind: 'agent', target: web.id }), web.id)
      const revoked = await coordinator.agents.byId(web.id)
      assert.deepEqual([revoked?.status, revoked?.epoch], ['revoked', 2])
      assert.deepEqual(coordinator.notified.changed, [web.id])
      const hostInGrants = await revocationOf(2, { kind: 'agent', target: db.id })
      await assert.rejects(revoke(coordinator, hostInGrants), { code: 'operation.malformed' })
    })

    it(`an intent is sent with its grant chain and new revocations (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const friend = testKey(4)
      const others = await Promise.all(
        Array.from({ length: 80 }, (_, n) =>
          grantOf(10 + n, { subject: stranger.fingerprint, namespace: 'facts', level: 'observe' }),
        ),
      )
      await coordinator.database.transaction(async (tx) => {
        for (const grant of others) await coordinator.access.insertGrant(tx, grant, 1)
      })
      await add(coordinator, await grantOf(1, { depth: 1 }))
      await add(coordinator, await grantOf(3, { namespace: 'policy' }))
      await add(
        coordinator,
        await grantOf(2, { subject: friend.fingerprint, parent: testUuid(501) }, delegate),
        delegate,
      )
      for (const epoch of [1, 2, 3])
        await revoke(
          coordinator,
          await revocationOf(epoch, { kind: 'grant', target: testUuid(epoch) }),
        )
      const ids = (grants: readonly Signed[]) =>
        grants.map((grant) => readSigned(grant, 'grant').id).sort()
      const evidence = await coordinator.access.evidence(ask(coordinator, friend), 1)
      assert.deepEqual(ids(evidence.grants), [testUuid(501), testUuid(502)])
      assert.deepEqual(
        evidence.revocations.map((one) => readSigned(one, 'revocation').epoch),
        [2, 3],
      )
      assert.equal(evidence.roots.length, 1)
      assert.deepEqual(
        (await coordinator.access.evidence(ask(coordinator, operator), 3)).grants,
        [],
      )
      assert.deepEqual(
        (await coordinator.access.evidence(ask(coordinator, stranger), 3)).grants,
        [],
      )
    })

    it(`the root names operators; other keys show a fingerprint (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const names = await Promise.all(
        [operator, secondOperator, stranger].map((key) =>
          coordinator.access.nameOf(key.fingerprint),
        ),
      )
      assert.deepEqual(names, ['olive', 'oscar', stranger.fingerprint])
    })
  })
}
