import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import {
  sampleBody,
  signedSample,
  TEST_AGENT,
  TEST_TIME,
  testKey,
} from '../../shared/testing/statements.ts'
import type { AcceptedRevocation } from '../../shared/trust/revocations.ts'
import type { Root } from '../../shared/trust/root.ts'
import type { Access } from './access.ts'
import type { Agents } from './agents.ts'
import { openTrustCache } from './trust-cache.ts'

const root = { ...sampleBody('root', testKey(1)), type: 'muster/root/v1' } as Root
const gone = {
  revocation: {
    ...sampleBody('revocation', testKey(1)),
    type: 'muster/revocation/v1',
    kind: 'agent',
    target: TEST_AGENT,
  },
  byOperator: true,
  digest: '',
} as unknown as AcceptedRevocation

test('ID-24: a read that began before a revocation does not undo a later one', async () => {
  let revocations: AcceptedRevocation[] = []
  // The test releases each query. A query returns the rows of the time when it began.
  const questions: (() => void)[] = []
  let gated = false
  const access = {
    state: async () => {
      const answer = { root, grants: [], revocations, epoch: revocations.length }
      if (gated) await new Promise<void>((resolve) => questions.push(resolve))
      return answer
    },
  } as unknown as Access
  const agents = { list: async () => [] } as unknown as Agents
  const clock = { ...systemClock, now: () => TEST_TIME }
  let changes = 0
  const cache = await openTrustCache({
    access,
    agents,
    clock,
    log: recordedLog(),
  })
  const off = cache.onChanged(() => (changes += 1))
  const certificate = await signedSample('certificate', testKey(200))
  assert.equal(cache.check(certificate).agent, TEST_AGENT)
  const until = async (count: number): Promise<void> => {
    while (questions.length < count) await systemClock.sleep(1)
  }

  gated = true
  const early = cache.refresh()
  await until(1)
  revocations = [gone]
  const late = [cache.refresh(), cache.refresh()]
  // The newest query gets its response first.
  while (questions.length > 0) {
    questions.pop()?.()
    await systemClock.sleep(5)
  }
  await Promise.all([early, ...late])
  assert.throws(() => cache.check(certificate), { code: 'trust.revoked' })
  assert.equal(changes, 1)
  off()
  revocations = []
  gated = false
  await cache.refresh()
  assert.equal(changes, 1, 'a listener that left is not called')
  cache.close()
})

test('trust cache: a failed read keeps the last state, and the next read still runs', async () => {
  let broken = false
  let asked = 0
  const access = {
    state: async () => {
      asked += 1
      if (broken) throw new Error('the database is away')
      return { root, grants: [], revocations: [], epoch: 0 }
    },
  } as unknown as Access
  const agents = { list: async () => [{ status: 'approved', peerId: 'p' }] } as unknown as Agents
  const cache = await openTrustCache({
    access,
    agents,
    clock: systemClock,
    log: recordedLog(),
  })
  broken = true
  const all = await Promise.allSettled([cache.refresh(), cache.refresh(), cache.refresh()])
  assert.deepEqual(
    all.map((one) => one.status),
    ['rejected', 'rejected', 'rejected'],
  )
  // The three calls share one read, because no read had begun before them.
  assert.deepEqual([asked, cache.approved('p')], [2, true])
  broken = false
  await cache.refresh()
  assert.equal(asked, 3)
  cache.close()
})
