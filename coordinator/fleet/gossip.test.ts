import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { decode, encode } from 'cborg'
import type { GossipMessage, Verdict } from '../../node/gossip.ts'
import type { MusterNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { signedSample, TEST_FLEET, testKey, testUuid } from '../../shared/testing/statements.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { fromWire, toWire } from '../../shared/trust/transport.ts'
import type { Ingest } from '../inventory/ingest.ts'
import { VerifiedFacts } from '../inventory/verified-facts.ts'
import { createAnnouncer, acceptFactGossip } from './gossip.ts'
import type { Access } from '../registry/access.ts'

test('news: an announcement that cannot be made ends nobody, whatever it was that failed', async () => {
  const log = recordedLog()
  const node = {
    gossip: { publish: () => Promise.reject(new Error('not one of ours')) },
  } as unknown as MusterNode
  const access = {
    revocationsAfter: async () => [await signedSample('revocation', testKey(1))],
  } as unknown as Access
  const unhandled: unknown[] = []
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const announcer = createAnnouncer({ node, access, log }, 0)
    announcer.checkpoint('a note')
    announcer.revocations()
    while (log.lines.length < 2) await systemClock.sleep(5)
    // Node tells of a rejection that nobody took after the microtasks of the turn in which it
    // happened.
    await setImmediate()
  } finally {
    process.off('unhandledRejection', note)
  }
  assert.deepEqual([unhandled, log.lines.length], [[], 2])
})

test('news: of revocations that come at once, or while one is told of, every one is told, once and in order', async () => {
  const all = await Promise.all(
    [1, 2, 3, 4].map((epoch) =>
      signedSample('revocation', testKey(1), { epoch, id: testUuid(epoch) }),
    ),
  )
  let there = 1
  const access = {
    revocationsAfter: async (after: number) => all.slice(after, there),
  } as unknown as Access
  const told: number[] = []
  const publish = async (_topic: string, bytes: Uint8Array): Promise<void> => {
    told.push(readSigned(fromWire(decode(bytes)), 'revocation').epoch)
  }
  const node = { gossip: { publish } } as unknown as MusterNode
  const announcer = createAnnouncer({ node, access, log: recordedLog() }, 1)
  announcer.revocations()
  there = 3
  announcer.revocations()
  announcer.revocations()
  while (told.length < 2) await systemClock.sleep(1)
  there = 4
  announcer.revocations()
  while (told.length < 3) await systemClock.sleep(1)
  // Whatever was told twice would have been told before or beside the last one.
  await setImmediate()
  assert.deepEqual(told, [2, 3, 4])
})

test('FG-03: a host that gossips faster than its facts can be written costs one statement, and its newest one counts', async () => {
  const host = testKey(204)
  let handler: ((message: GossipMessage) => Promise<Verdict> | Verdict) | undefined
  const node = {
    gossip: {
      on: (_topic: string, take: typeof handler) => {
        handler = take
        return () => undefined
      },
    },
  } as unknown as MusterNode
  const taken: number[] = []
  const first = Promise.withResolvers<void>()
  const ingest = {
    verify: (signed: Signed) => VerifiedFacts.read(signed, TEST_FLEET),
    acceptGossip: async ({ statement }: VerifiedFacts) => {
      taken.push(statement.sequence)
      if (taken.length === 1) await first.promise
    },
  } as unknown as Ingest
  acceptFactGossip({ node, ingest, log: recordedLog() }, new AbortController().signal)
  const statements = await Promise.all(
    Array.from({ length: 100 }, (_, n) => signedSample('facts', host, { sequence: n + 1 })),
  )
  const author = peerIdOfKey(host.publicKey)
  // Repeated at the end, by somebody to whom the newest is not welcome.
  for (const signed of [...statements, ...statements.slice(1, 9)])
    assert.equal(await handler?.({ author, from: author, bytes: encode(toWire(signed)) }), 'accept')
  assert.equal(taken.length, 1)
  first.resolve()
  while (taken.length < 2) await systemClock.sleep(5)
  await setImmediate()
  assert.deepEqual(taken, [1, 100])
})
