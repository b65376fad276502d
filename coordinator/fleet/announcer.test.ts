import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { decode } from 'cborg'
import type { MusterNode } from '../../node/node.ts'
import { systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { signedSample, testKey, testUuid } from '../../shared/testing/statements.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { fromWire } from '../../shared/trust/transport.ts'
import type { Access } from '../registry/access.ts'
import { createAnnouncer } from './announcer.ts'

test('announcer: a failed announcement is logged and does not end the coordinator', async () => {
  const log = recordedLog()
  const node = {
    gossip: { publish: () => Promise.reject(new Error('from another library')) },
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
    // Node reports an unhandled rejection after the microtasks of its turn.
    await setImmediate()
  } finally {
    process.off('unhandledRejection', note)
  }
  assert.deepEqual([unhandled, log.lines.length], [[], 2])
})

test('announcer: announces each revocation once and in order', async () => {
  const all = await Promise.all(
    [1, 2, 3, 4].map((epoch) =>
      signedSample('revocation', testKey(1), { epoch, id: testUuid(epoch) }),
    ),
  )
  let known = 1
  const access = {
    revocationsAfter: async (after: number) => all.slice(after, known),
  } as unknown as Access
  const announced: number[] = []
  const publish = async (_topic: string, bytes: Uint8Array): Promise<void> => {
    announced.push(readSigned(fromWire(decode(bytes)), 'revocation').epoch)
  }
  const node = { gossip: { publish } } as unknown as MusterNode
  const announcer = createAnnouncer({ node, access, log: recordedLog() }, 1)
  announcer.revocations()
  known = 3
  announcer.revocations()
  announcer.revocations()
  while (announced.length < 2) await systemClock.sleep(1)
  known = 4
  announcer.revocations()
  while (announced.length < 3) await systemClock.sleep(1)
  // A repeated announcement would arrive before this.
  await setImmediate()
  assert.deepEqual(announced, [2, 3, 4])
})
