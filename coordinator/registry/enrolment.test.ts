import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { systemRandom } from '../../shared/random.ts'
import { testKey, testUuid } from '../../shared/testing/statements.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { tokenHash } from '../../protocols/enroll/token-hash.ts'
import { ledgerError } from '../audit/errors.ts'
import { DIALECTS } from '../database/testing.ts'
import {
  type CoordinatorParts,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'

const MINUTE = 60_000
const peerOf = (n: number): string => peerIdOfKey(testKey(100 + n).publicKey)
const request = (n: number, more: object = {}) => ({
  agent: testUuid(n),
  name: `web-${n}`,
  claims: {},
  version: '0.1.0',
  ...more,
})

/** Creates a token as an operator, and returns its secret. */
async function tokenOf(
  coordinator: TestCoordinator,
  terms: { approve?: boolean; labels?: Record<string, string>; ttlMs?: number } = {},
): Promise<Uint8Array> {
  const secret = systemRandom.bytes(32)
  const { approve = true, labels = {}, ttlMs = MINUTE } = terms
  await coordinator.perform(
    await coordinator.intent('enroll.token', {
      arguments: { hash: tokenHash(secret), labels, ttlMs, approve },
    }),
  )
  return secret
}

const events = async (coordinator: TestCoordinator): Promise<string[]> =>
  (await coordinator.entries()).flatMap(({ entry, statement }) =>
    entry.type === 'trust' ? [`${String(statement['event'])} ${String(statement['agent'])}`] : [],
  )

for (const dialect of DIALECTS) {
  describe(`enrolment on ${dialect}`, () => {
    it(`an approving token makes a member with the token's labels (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const token = await tokenOf(coordinator, { labels: { role: 'web' } })
      const answer = await coordinator.enrolment.join(
        peerOf(1),
        request(1, { token, claims: { hostname: 'h', role: 'prod' } }),
      )
      assert.equal(answer.status, 'approved')
      const { root } = await coordinator.access.root()
      const certificate = checkCertificate(answer.certificate as Signed, {
        root,
        revocations: [],
        at: coordinator.clock.at,
      })
      assert.deepEqual(
        [
          certificate.subject,
          certificate.agent,
          certificate.role,
          certificate.name,
          certificate.labels,
          certificate.epoch,
        ],
        [
          Buffer.from(testKey(101).publicKey).toString('base64'),
          testUuid(1),
          'agent',
          'web-1',
          { role: 'web' },
          1,
        ],
      )
      assert.deepEqual(await events(coordinator), [
        `asked ${testUuid(1)}`,
        `enrolled ${testUuid(1)}`,
      ])
      assert.equal(coordinator.ledger.published()?.size, (await coordinator.ledger.head()).size)
      // The host asks again, as after each reconnection. It stays the same member, and nothing is
      // written.
      const { size } = await coordinator.ledger.head()
      assert.equal(
        (await coordinator.enrolment.join(peerOf(1), request(1, { token }))).status,
        'approved',
      )
      assert.equal((await coordinator.enrolment.join(peerOf(1), request(1))).status, 'approved')
      assert.equal((await coordinator.ledger.head()).size, size)
    })

    it(`ID-14: selectors and certificates ignore the claims of a host (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const token = await tokenOf(coordinator)
      const { certificate } = await coordinator.enrolment.join(
        peerOf(1),
        request(1, { token, claims: { role: 'prod', labels: '{"role":"prod"}' } }),
      )
      assert.deepEqual(readSigned(certificate as Signed, 'certificate').labels, {})
      await assert.rejects(coordinator.agents.select(['role=prod']), {
        code: 'registry.unknown-host',
      })
      assert.deepEqual((await coordinator.agents.find('web-1')).claims, {
        role: 'prod',
        labels: '{"role":"prod"}',
      })
    })

    it(`a host without an approving token waits for approval (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const token = await tokenOf(coordinator, { approve: false, labels: { site: 'b' } })
      for (const more of [{}, { token }, {}]) {
        const answer = await coordinator.enrolment.join(peerOf(1), request(1, more))
        assert.deepEqual(
          [answer.status, answer.certificate, answer.roots.length],
          ['pending', undefined, 1],
        )
      }
      await assert.rejects(coordinator.enrolment.renew(peerOf(1)), { code: 'registry.revoked' })
      assert.deepEqual(await coordinator.agents.select(['all']), [])
      const approve = await coordinator.intent('enroll.approve', {
        targets: [testUuid(1)],
        arguments: { labels: { role: 'web' } },
      })
      await coordinator.perform(approve)
      const { certificate } = await coordinator.enrolment.join(peerOf(1), request(1))
      assert.deepEqual(readSigned(certificate as Signed, 'certificate').labels, {
        role: 'web',
        site: 'b',
      })
      assert.deepEqual(
        readSigned(await coordinator.enrolment.renew(peerOf(1)), 'certificate').labels,
        { role: 'web', site: 'b' },
      )
    })

    it(`a rejected host is removed and may ask again (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      await coordinator.enrolment.join(peerOf(1), request(1))
      await coordinator.perform(
        await coordinator.intent('enroll.reject', { targets: [testUuid(1)], arguments: {} }),
      )
      assert.deepEqual(await coordinator.agents.list(), [])
      assert.equal((await coordinator.enrolment.join(peerOf(1), request(1))).status, 'pending')
      const token = await tokenOf(coordinator)
      await coordinator.enrolment.join(peerOf(1), request(1, { token }))
      const late = await coordinator.intent('enroll.reject', {
        targets: [testUuid(1)],
        arguments: {},
      })
      await assert.rejects(coordinator.perform(late), { code: 'registry.not-pending' })
    })

    it(`ID-08: a token admits one of two hosts that use it at once (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const second = await coordinator.start({ name: 'c2' })
      for (let round = 0; round < 5; round += 1) {
        const token = await tokenOf(coordinator)
        const [a, b] = [round * 2 + 1, round * 2 + 2]
        const join = (at: CoordinatorParts, n: number) =>
          at.enrolment.join(peerOf(n), request(n, { token }))
        const both = await Promise.allSettled([join(coordinator, a), join(second, b)])
        assert.deepEqual(both.map((one) => one.status).sort(), ['fulfilled', 'rejected'])
        const [lost] = both.filter((one) => one.status === 'rejected')
        assert.equal(
          ((lost as PromiseRejectedResult).reason as { code: string }).code,
          'registry.token-unknown',
        )
        const winner = both[0]?.status === 'fulfilled' ? a : b
        assert.deepEqual(
          (await coordinator.agents.list())
            .filter((agent) => [testUuid(a), testUuid(b)].includes(agent.id))
            .map((agent) => agent.id),
          [testUuid(winner)],
        )
        await assert.rejects(join(coordinator, winner === a ? b : a), {
          code: 'registry.token-unknown',
        })
      }
    })

    it(`ID-09, ID-11: every invalid token gets the same response (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { clock, enrolment } = coordinator
      const begin = clock.at
      const refuse = async (n: number, token: Uint8Array): Promise<void> => {
        await assert.rejects(
          enrolment.join(peerOf(n), request(n, { token })),
          (error: Error & { code?: string; data?: object }) => {
            assert.deepEqual([error.code, error.data], ['registry.token-unknown', {}])
            return true
          },
        )
        assert.equal(await coordinator.agents.byPeer(peerOf(n)), undefined)
      }
      const [expiring, used, early] = [
        await tokenOf(coordinator),
        await tokenOf(coordinator),
        await tokenOf(coordinator, { ttlMs: 60 * MINUTE }),
      ]
      await enrolment.join(peerOf(1), request(1, { token: used }))
      await refuse(2, systemRandom.bytes(32))
      await refuse(2, used)
      clock.at = begin - 1
      await refuse(2, early)
      clock.at = begin + MINUTE
      await refuse(2, expiring)
      clock.at = begin + MINUTE - 1
      assert.equal(
        (await enrolment.join(peerOf(3), request(3, { token: expiring }))).status,
        'approved',
      )
      clock.at = begin - 60 * MINUTE
      await refuse(2, used)
      await refuse(2, expiring)
    })

    it(`ID-02: names, keys and ids of revoked hosts stay taken (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { enrolment } = coordinator
      await enrolment.join(peerOf(1), request(1, { token: await tokenOf(coordinator) }))
      await enrolment.join(peerOf(2), request(2))
      const taken: [string, string, object][] = [
        ['registry.agent-taken', peerOf(3), request(1, { name: 'other' })],
        ['registry.agent-taken', peerOf(3), request(2, { name: 'other' })],
        ['registry.key-taken', peerOf(1), request(3, { name: 'other' })],
        ['registry.name-taken', peerOf(3), request(3, { name: 'web-1' })],
        ['registry.name-taken', peerOf(3), request(3, { name: 'web-2' })],
      ]
      const check = async (): Promise<void> => {
        for (const [expected, peer, join] of taken)
          await assert.rejects(enrolment.join(peer, join as never), { code: expected }, expected)
      }
      await check()
      await coordinator.database.transaction((tx) =>
        coordinator.agents.revoke(tx, (taken[0] as [string, string, { agent: never }])[2].agent, 1),
      )
      await check()
      await assert.rejects(enrolment.join(peerOf(1), request(1)), { code: 'registry.revoked' })
      await assert.rejects(enrolment.renew(peerOf(1)), { code: 'registry.revoked' })
      await assert.rejects(enrolment.renew(peerOf(9)), { code: 'registry.unknown-host' })
    })

    it(`ID-02: rejects names that look like a keyword, id or other host (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { enrolment } = coordinator
      await enrolment.join(peerOf(1), request(1, { token: await tokenOf(coordinator) }))
      const before = await coordinator.agents.list()
      const id = testUuid(1)
      for (const [code, name] of [
        ['host-name.refused', 'all'],
        ['host-name.refused', 'ALL'],
        ['host-name.refused', id],
        ['host-name.refused', id.slice(0, 8)],
        ['host-name.refused', id.slice(0, 4)],
        ['host-name.refused', '4711'],
        ['registry.name-taken', 'WEB-1'],
        ['registry.name-taken', 'Test-Coordinator'],
      ] as const)
        for (const token of [undefined, await tokenOf(coordinator)])
          await assert.rejects(
            enrolment.join(peerOf(2), request(2, { name, ...(token && { token }) })),
            { code },
            name,
          )
      assert.deepEqual(await coordinator.agents.list(), before)
      // A stranger waits with the same name in other case. The invited host replaces it.
      await enrolment.join(peerOf(3), request(3, { name: 'Db-1' }))
      await enrolment.join(
        peerOf(4),
        request(4, { name: 'db-1', token: await tokenOf(coordinator) }),
      )
      const names = (await coordinator.agents.list()).map(({ name }) => name)
      assert.deepEqual(names.sort(), ['db-1', 'web-1'])
    })

    it(`ID-11: a pending stranger can't block an invited host's name (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { enrolment } = coordinator
      await enrolment.join(peerOf(1), request(1, { name: 'db-1' }))
      const before = await coordinator.agents.list()
      // An invalid token changes nothing. Another stranger also changes nothing.
      await assert.rejects(
        enrolment.join(peerOf(2), request(2, { name: 'db-1', token: systemRandom.bytes(32) })),
        {
          code: 'registry.token-unknown',
        },
      )
      await assert.rejects(enrolment.join(peerOf(2), request(2, { name: 'db-1' })), {
        code: 'registry.name-taken',
      })
      assert.deepEqual(await coordinator.agents.list(), before)
      const welcome = await enrolment.join(
        peerOf(2),
        request(2, { name: 'db-1', token: await tokenOf(coordinator, { approve: false }) }),
      )
      assert.equal(welcome.status, 'pending')
      assert.deepEqual(
        (await coordinator.agents.list()).map(({ id, name }) => [id, name]),
        [[testUuid(2), 'db-1']],
      )
      assert.deepEqual(await events(coordinator), [
        `asked ${testUuid(1)}`,
        `displaced ${testUuid(1)}`,
        `asked ${testUuid(2)}`,
      ])
      // This host was invited, so it keeps the name. A member also keeps its name.
      const other = async (n: number) =>
        enrolment.join(peerOf(n), request(n, { name: 'db-1', token: await tokenOf(coordinator) }))
      await assert.rejects(other(3), { code: 'registry.name-taken' })
      await coordinator.perform(
        await coordinator.intent('enroll.approve', {
          targets: [testUuid(2)],
          arguments: { labels: {} },
        }),
      )
      await assert.rejects(other(3), { code: 'registry.name-taken' })
      await assert.rejects(enrolment.join(peerOf(1), request(1, { name: 'db-1' })), {
        code: 'registry.name-taken',
      })
    })

    it(`only one of two hosts that ask for a name at once gets it (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const second = await coordinator.start({ name: 'c2' })
      for (let round = 0; round < 5; round += 1) {
        const [a, b] = [round * 2 + 1, round * 2 + 2]
        const name = `host-${round}`
        const both = await Promise.allSettled([
          coordinator.enrolment.join(peerOf(a), request(a, { name })),
          second.enrolment.join(peerOf(b), request(b, { name })),
        ])
        assert.deepEqual(
          both
            .map((one) =>
              one.status === 'fulfilled' ? one.value.status : (one.reason as { code: string }).code,
            )
            .sort(),
          ['pending', 'registry.name-taken'],
        )
      }
    })

    it(`a token is used even if the log can't be signed (${dialect})`, async () => {
      let full = false
      await using coordinator = await testCoordinator(dialect, {
        ledger: (ledger) => ({
          ...ledger,
          checkpoint: (signal) =>
            full
              ? Promise.reject(ledgerError('ledger.storage', { path: '/log', reason: 'ENOSPC' }))
              : ledger.checkpoint(signal),
        }),
      })
      const token = await tokenOf(coordinator)
      full = true
      await assert.rejects(coordinator.enrolment.join(peerOf(1), request(1, { token })), {
        code: 'ledger.storage',
      })
      await assert.rejects(coordinator.enrolment.join(peerOf(2), request(2, { token })), {
        code: 'registry.token-unknown',
      })
      full = false
      assert.equal(
        (await coordinator.enrolment.join(peerOf(1), request(1, { token }))).status,
        'approved',
      )
    })

    it(`new labels make older certificates void; rejects bad labels (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const { certificate } = await coordinator.enrolment.join(
        peerOf(1),
        request(1, { token: await tokenOf(coordinator) }),
      )
      const before = readSigned(certificate as Signed, 'certificate').epoch
      const label = async (labels: Record<string, string>) =>
        coordinator.perform(
          await coordinator.intent('agent.label', {
            targets: [testUuid(1)],
            arguments: { labels },
          }),
        )
      await label({ role: 'web' })
      const after = readSigned(await coordinator.enrolment.renew(peerOf(1)), 'certificate')
      assert.deepEqual([after.labels, after.epoch], [{ role: 'web' }, before + 1])
      await label({ role: 'web' })
      assert.equal((await coordinator.agents.find('web-1')).epoch, before + 1)
      const many = (from: number) =>
        Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${from + i}`, 'x']))
      await label(many(0))
      await assert.rejects(label(many(100)), { code: 'registry.labels' })
      assert.equal(Object.keys((await coordinator.agents.find('web-1')).labels).length, 41)
      assert.equal(
        readSigned(await coordinator.enrolment.renew(peerOf(1)), 'certificate').name,
        'web-1',
      )
    })
  })
}
