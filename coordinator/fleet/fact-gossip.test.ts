import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { encode } from 'cborg'
import type { GossipMessage, Verdict } from '../../node/gossip.ts'
import type { MusterNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { signedSample, TEST_FLEET, testKey } from '../../shared/testing/statements.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Ingest } from '../inventory/ingest.ts'
import { VerifiedFacts } from '../inventory/verified-facts.ts'
import { acceptFactGossip } from './fact-gossip.ts'

test('FG-03: if facts arrive too fast, only the newest statement is kept', async () => {
  const host = testKey(204)
  let handler: ((message: GossipMessage) => Promise<Verdict> | Verdict) | undefined
  const node = {
    gossip: {
      on: (_topic: string, receive: typeof handler) => {
        handler = receive
        return () => undefined
      },
    },
  } as unknown as MusterNode
  const applied: number[] = []
  const first = Promise.withResolvers<void>()
  const ingest = {
    verify: (signed: Signed) => VerifiedFacts.read(signed, TEST_FLEET),
    acceptGossip: async ({ statement }: VerifiedFacts) => {
      applied.push(statement.sequence)
      if (applied.length === 1) await first.promise
    },
  } as unknown as Ingest
  acceptFactGossip({ node, ingest, log: recordedLog() }, new AbortController().signal)
  const statements = await Promise.all(
    Array.from({ length: 100 }, (_, n) => signedSample('facts', host, { sequence: n + 1 })),
  )
  const author = peerIdOfKey(host.publicKey)
  // A peer repeats older statements after the newest one.
  for (const signed of [...statements, ...statements.slice(1, 9)])
    assert.equal(await handler?.({ author, from: author, bytes: encode(toWire(signed)) }), 'accept')
  assert.equal(applied.length, 1)
  first.resolve()
  while (applied.length < 2) await systemClock.sleep(5)
  await setImmediate()
  assert.deepEqual(applied, [1, 100])
})
