/**
 * The caller must have signed the grant or revocation. So the log names one operator, and no other
 * operator can use a stolen statement.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signedSample, testUuid } from '../../shared/testing/statements.ts'
import { toText } from '../../shared/trust/transport.ts'
import {
  delegate,
  operator,
  secondOperator,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'

const malformed = (reason: RegExp) => (error: unknown) => {
  const { code, message } = error as { code: string; message: string }
  assert.equal(code, 'operation.malformed')
  assert.match(message, reason)
  return true
}

/** Checks that a rejected operation writes no row and no entry. */
async function unchanged(coordinator: TestCoordinator, work: () => Promise<void>): Promise<void> {
  const before = [await coordinator.rows(), await coordinator.entries()]
  await work()
  assert.deepEqual([await coordinator.rows(), await coordinator.entries()], before)
}

test('grant verbs: rejects a grant of another issuer without a trace', async () => {
  await using coordinator = await testCoordinator()
  const grant = await signedSample('grant', operator, {
    id: testUuid(501),
    subject: delegate.fingerprint,
  })
  const intent = await coordinator.intent('grant.add', {
    arguments: { grant: toText(grant) as never },
    by: secondOperator,
  })
  await unchanged(coordinator, () =>
    assert.rejects(
      coordinator.perform(intent, { by: secondOperator }),
      malformed(/the grant is issued by .*, expected/),
    ),
  )
})

test('grant verbs: rejects revocations of another issuer or of a host', async () => {
  await using coordinator = await testCoordinator()
  const grant = await signedSample('grant', operator, {
    id: testUuid(501),
    subject: delegate.fingerprint,
  })
  await coordinator.perform(
    await coordinator.intent('grant.add', { arguments: { grant: toText(grant) as never } }),
  )
  const host = await coordinator.member('web-1')
  const foreign = await signedSample('revocation', operator, {
    kind: 'grant',
    target: testUuid(501),
    epoch: 1,
  })
  const ofHost = await signedSample('revocation', secondOperator, {
    kind: 'agent',
    target: host.id,
    epoch: 1,
  })
  for (const [revocation, reason] of [
    [foreign, /the revocation is issued by .*, expected/],
    [ofHost, /muster agent revoke/],
  ] as const) {
    const intent = await coordinator.intent('grant.revoke', {
      arguments: { revocation: toText(revocation) as never },
      by: secondOperator,
    })
    await unchanged(coordinator, () =>
      assert.rejects(coordinator.perform(intent, { by: secondOperator }), malformed(reason)),
    )
  }
  assert.equal(coordinator.notified.revoked, 0)
})
