/**
 * An honest log causes no alarm, in any order of checkpoints and intents. A forked log causes one.
 */
import { commandRefusal } from '../../protocols/command/errors.ts'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { GossipMessage, Verdict } from '../../node/gossip.ts'
import type { MusterNode } from '../../node/node.ts'
import { audit } from '../../protocols/audit/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { dialSocket, serveSocket } from '../../protocols/rpc/socket.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import {
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testUuid,
} from '../../shared/testing/statements.ts'
import { verifyIntent } from '../commands/verify.ts'
import { followTrust } from './trust-follower.ts'
import {
  issuer,
  joinedTrust,
  LABELS,
  operator,
  requestFor,
  startIntent,
  testClock,
  type TestLog,
  testLog,
} from '../testing/coordinator-stand-in.ts'
import { until } from '../testing/until.ts'

/** Creates a host that receives gossip. It can request proofs of `history` over a socket. */
async function witnessing(t: TestContext, history: TestLog) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-news-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const unsupported = async (): Promise<never> => {
    throw wireError('protocol.unsupported', { what: 'a test' })
  }
  const proofs = { served: 0, refuse: false }
  const handlers: Handlers<typeof audit> = {
    checkpoint: unsupported,
    inclusion: unsupported,
    entries: unsupported,
    consistency: async ({ from, to }) => {
      if (proofs.refuse) throw wireError('protocol.busy', { what: 'a test' })
      proofs.served += 1
      return { proof: await history.consistency(from, to) }
    },
  }
  const log = recordedLog()
  const serve = serveProtocol(audit, handlers, {
    policy: { allow: async () => ({ kind: 'local', name: 'host' }) as const },
    clock,
    log,
  })
  const path = join(folder, 's', 'socket')
  const server = await serveSocket(
    { clock, log },
    { path, protocols: new Map([[audit.id, serve]]) },
  )
  t.after(() => server.close())
  const topics = new Map<string, (message: GossipMessage) => Promise<Verdict> | Verdict>()
  const node = {
    gossip: {
      on: (topic: string, handler: (message: GossipMessage) => Promise<Verdict> | Verdict) => {
        topics.set(topic, handler)
        return () => topics.delete(topic)
      },
    },
    open: () => dialSocket(path, audit.id),
  } as unknown as MusterNode
  const { trust } = await joinedTrust(t)
  const ending = new AbortController()
  t.after(() => ending.abort())
  const off = followTrust(
    {
      node,
      trust,
      clock: testClock(),
      log,
      fleet: TEST_FLEET,
      coordinator: () => 'coordinator',
      pull: () => undefined,
    },
    ending.signal,
  )
  t.after(off)
  return {
    trust,
    proofs,
    hear: (note: string): void =>
      void topics.get('audit')?.({ author: 'a', from: 'b', bytes: Buffer.from(note) }),
    alarms: () => log.lines.filter(({ level }) => level === 'error'),
  }
}

/** Returns two logs of one size. An honest coordinator never signs both. */
const forked = (size: number, at: number) =>
  signCheckpoint(issuer, TEST_FLEET, { size, root: leafHash(Buffer.from('fork')), at })

const grow = async (history: TestLog, entries: number): Promise<void> => {
  for (let n = 0; n < entries; n++)
    history.append('trust', await signedSample('grant', operator, { id: testUuid(n) }))
}

/** Returns a deterministic random function, so that a failure can be repeated. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

for (const seed of [1, 2, 3])
  test(`AL-04: an honest log causes no alarm in any order (${seed})`, async (t) => {
    const history = testLog()
    const host = await witnessing(t, history)
    const deps = {
      trust: host.trust,
      clock: testClock(),
      fleet: TEST_FLEET,
      agent: TEST_AGENT,
      labels: () => LABELS,
    }
    const roll = dice(seed)
    const orders: Promise<unknown>[] = []
    /** Proves from the current position of the host, as a coordinator does. */
    const give = async (n: number): Promise<void> => {
      const intent = await startIntent(n)
      for (;;) {
        const from = (await host.trust.log.known())?.size ?? 0
        try {
          await verifyIntent(deps, await requestFor(history, intent, { from }))
          return
        } catch (error) {
          if (!commandRefusal.is(error, 'command.position-moved')) throw error
        }
      }
    }
    for (let step = 0; step < 12; step++) {
      await grow(history, 1 + Math.floor(roll() * 3))
      const { size } = history
      const notes = await Promise.all(
        [0, 1, 2].map(async (back) => {
          const older = Math.max(1, size - back)
          return (await history.checkpoint(older, { at: TEST_TIME + older })).note
        }),
      )
      for (const note of notes.sort(() => roll() - 0.5)) {
        host.hear(note)
        if (roll() < 0.5) orders.push(give(100 * step + orders.length))
      }
      if (roll() < 0.3) await Promise.all(orders)
    }
    await Promise.all(orders)
    const last = await history.checkpoint(history.size, { at: TEST_TIME + 1_000_000 })
    host.hear(last.note)
    await until(async () => (await host.trust.log.known())?.size === last.size)
    // The fork is compared last. When its alarm appears, everything before it was compared.
    host.hear((await forked(last.size, TEST_TIME + 1_000_001)).note)
    await until(() => host.alarms().length > 0)
    assert.deepEqual(
      host.alarms().map(({ data }) => [data['size'], (data['error'] as { code?: string }).code]),
      [[last.size, 'audit.equivocation']],
    )
  })

test('AL-04: a checkpoint that another one overtook causes no alarm', async (t) => {
  const history = testLog()
  await grow(history, 3)
  const host = await witnessing(t, history)
  await host.trust.log.accept(await history.checkpoint(2))
  // The same size is sent again while an intent delivers a larger one.
  host.hear((await history.checkpoint(2, { at: TEST_TIME + 1 })).note)
  await host.trust.log.accept(await history.checkpoint(4), {
    from: 2,
    to: 4,
    hashes: await history.consistency(2, 4),
  })
  host.hear((await forked(4, TEST_TIME + 2)).note)
  await until(() => host.alarms().length > 0)
  assert.deepEqual(
    host.alarms().map(({ data }) => data['size']),
    [4],
  )
})

test('AL-04: an older checkpoint causes an alarm only if its log is forked', async (t) => {
  const history = testLog()
  await grow(history, 5)
  const host = await witnessing(t, history)
  await host.trust.log.accept(await history.checkpoint(6, { at: TEST_TIME }))
  host.hear((await history.checkpoint(4, { at: TEST_TIME + 60_000 })).note)
  await until(() => host.proofs.served === 1)
  // It was signed earlier, like one that was overtaken. Its root shows that it is of another log.
  host.hear((await forked(3, TEST_TIME - 1)).note)
  await until(() => host.alarms().length > 0)
  // Without a proof, a smaller log that was signed later causes an alarm.
  host.proofs.refuse = true
  host.hear((await history.checkpoint(5, { at: TEST_TIME + 60_000 })).note)
  await until(() => host.alarms().length > 1)
  assert.deepEqual(
    host.alarms().map(({ data }) => [data['size'], (data['error'] as { code?: string }).code]),
    [
      [3, 'audit.proof'],
      [5, 'audit.smaller'],
    ],
  )
  assert.equal((await host.trust.log.known())?.size, 6)
})

test('AL-04: a larger checkpoint of a forked log causes an alarm, is not accepted', async (t) => {
  const history = testLog()
  await grow(history, 5)
  const host = await witnessing(t, history)
  await host.trust.log.accept(await history.checkpoint(4))
  host.hear((await forked(6, TEST_TIME + 1)).note)
  await until(() => host.alarms().length > 0)
  assert.equal(
    host.alarms()[0]?.message,
    'a checkpoint does not extend the log that this host has seen',
  )
  assert.equal((await host.trust.log.known())?.size, 4)
})
