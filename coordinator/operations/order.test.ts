/**
 * Recovery and the order of the log, for every verb: A has no outcome, B follows, then the
 * coordinator restarts.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VERBS, type Verb } from '../../protocols/control/verbs.ts'
import { signedSample, testUuid } from '../../shared/testing/statements.ts'
import { toText } from '../../shared/trust/transport.ts'
import { DIALECTS } from '../database/testing.ts'
import { delegate, newOperation, operator, testCoordinator } from '../testing/coordinator.ts'
import { type EveryVerb, everyVerb, type NewIntent, type Started } from './testing/every-verb.ts'

/** b3sum of CONTENT. */
const BLOB = 'ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'
const el9 = { targets: ['el9'] } as const
const sync: NewIntent = {
  verb: 'repo.sync',
  ...el9,
  arguments: { createSnapshot: false, allowRollback: true, acceptShrink: true },
}
const create = (name: string): NewIntent => ({
  verb: 'snapshot.create',
  ...el9,
  arguments: { name, description: '' },
})
const remove = (name: string): NewIntent => ({
  verb: 'snapshot.delete',
  ...el9,
  arguments: { name },
})
const token = (digit: string): NewIntent => ({
  verb: 'enroll.token',
  arguments: { hash: digit.repeat(64), labels: {}, ttlMs: 60_000, approve: true },
})
const add: NewIntent = { verb: 'artifact.add', arguments: { blob: BLOB, size: 5 } }
const label = (id: string, role: string): NewIntent => ({
  verb: 'agent.label',
  targets: [id],
  arguments: { labels: { role } },
})

interface Pair {
  readonly a: NewIntent
  readonly b: NewIntent
  /** What happens outside between the two. */
  readonly between?: () => Promise<void>
  /** The outcome of A if only the order of the log is left to find it out. */
  readonly fenced: 'done' | 'failed' | 'unknown'
}

type Prepare = (all: EveryVerb, first: Started) => Promise<Pair>

async function performAll(
  all: EveryVerb,
  started: Started,
  ...given: readonly NewIntent[]
): Promise<void> {
  for (const wanted of given) assert.equal(await started.perform(wanted), 'done', wanted.verb)
  void all
}

const host = async (all: EveryVerb, status: 'approved' | 'pending' = 'approved') => {
  const { id } = await all.coordinator.member(`web-${newOperation()}`)
  await all.coordinator.database.query
    .updateTable('agent')
    .set({ status })
    .where('id', '=', id)
    .execute()
  return id
}
const startRun = (id: string): NewIntent => ({
  verb: 'run.start',
  targets: [id],
  arguments: {
    runs: { [id]: testUuid(2) },
    command: ['true'],
    env: {},
    limits: { outputBytes: 1 },
  },
})
const stopRun = (id: string): NewIntent => ({
  verb: 'run.stop',
  targets: [id],
  arguments: { run: testUuid(2), graceMs: 0 },
})
const revocation = async (kind: 'agent' | 'key', target: string) =>
  toText(
    await signedSample('revocation', operator, { id: testUuid(801), epoch: 1, kind, target }),
  ) as never

/** A verb without a case fails the tests below. */
const CASES: { readonly [V in Verb]: Prepare } = {
  'repo.sync': async (all, first) => {
    await all.upstream('1')
    await performAll(all, first, sync)
    await all.upstream('2')
    return { a: sync, b: sync, between: () => all.upstream('3'), fenced: 'done' }
  },
  'repo.publish': async (all, first) => {
    await all.upstream('1')
    await performAll(all, first, sync, create('old'))
    await all.upstream('2')
    await performAll(all, first, sync)
    const publish = { verb: 'repo.publish', ...el9 } as const
    return {
      a: { ...publish, arguments: { snapshot: 'old' } },
      b: { ...publish, arguments: {} },
      fenced: 'done',
    }
  },
  'snapshot.create': async (all, first) => {
    await all.upstream('1')
    await performAll(all, first, sync)
    return { a: create('s'), b: remove('s'), fenced: 'unknown' }
  },
  'snapshot.delete': async (all, first) => {
    await all.upstream('1')
    await performAll(all, first, sync, create('s'))
    return { a: remove('s'), b: create('s'), fenced: 'done' }
  },
  'artifact.add': async () => ({ a: add, b: add, fenced: 'done' }),
  'run.start': async (all) => {
    const id = await host(all)
    return { a: startRun(id), b: stopRun(id), fenced: 'done' }
  },
  'run.stop': async (all, first) => {
    const id = await host(all)
    await performAll(all, first, startRun(id))
    return { a: stopRun(id), b: stopRun(id), fenced: 'done' }
  },
  'enroll.token': async () => ({ a: token('a'), b: token('b'), fenced: 'done' }),
  'enroll.approve': async (all) => {
    const id = await host(all, 'pending')
    return {
      a: { verb: 'enroll.approve', targets: [id], arguments: { labels: { role: 'a' } } },
      b: label(id, 'b'),
      fenced: 'done',
    }
  },
  'enroll.reject': async (all) => ({
    a: { verb: 'enroll.reject', targets: [await host(all, 'pending')], arguments: {} },
    b: token('b'),
    fenced: 'done',
  }),
  'agent.label': async (all) => {
    const id = await host(all)
    return { a: label(id, 'a'), b: label(id, 'b'), fenced: 'done' }
  },
  'agent.revoke': async (all) => {
    const id = await host(all)
    return {
      a: {
        verb: 'agent.revoke',
        targets: [id],
        arguments: { revocation: await revocation('agent', id) },
      },
      b: label(await host(all), 'b'),
      fenced: 'done',
    }
  },
  'grant.add': async () => {
    const grant = await signedSample('grant', operator, { subject: delegate.fingerprint })
    return {
      a: { verb: 'grant.add', arguments: { grant: toText(grant) as never } },
      b: {
        verb: 'grant.revoke',
        arguments: { revocation: await revocation('key', delegate.fingerprint) },
      },
      fenced: 'done',
    }
  },
  'grant.revoke': async () => ({
    a: {
      verb: 'grant.revoke',
      arguments: { revocation: await revocation('key', delegate.fingerprint) },
    },
    b: token('b'),
    fenced: 'done',
  }),
}

const acts = (verb: Verb): boolean => /^(repo|snapshot|artifact|run)\./.test(verb)
const forever = new AbortController().signal
const everything = (): true => true

/**
 * Performs A without its outcome in the log, or without a signature if both are one transaction.
 */
async function leaveOpen(at: Started, verb: Verb, { a }: Pair, operation = newOperation()) {
  at.faults[acts(verb) ? 'outcomes' : 'checkpoints'] = true
  const expected = acts(verb) ? 'operation.unlogged' : 'operation.done-unsigned'
  assert.equal(await at.perform(a, operation), expected, verb)
  return operation
}

for (const dialect of DIALECTS) {
  it(`no verb's recovery undoes a later operation (${dialect})`, async () => {
    assert.deepEqual(Object.keys(CASES).sort(), Object.keys(VERBS).sort())
    for (const verb of Object.keys(VERBS) as Verb[]) {
      await using all = await everyVerb(dialect)
      const first = await all.start()
      const pair = await CASES[verb](all, first)
      const operation = await leaveOpen(first, verb, pair)
      await pair.between?.()
      // Another coordinator, which can't settle the operations of the first one.
      const second = await all.start({ name: 'c2' })
      assert.equal(await second.perform(pair.b), 'done', verb)
      const before = await all.state()
      const again = await all.start()
      await again.operations.recover(forever, everything)
      assert.deepEqual(await all.state(), before, verb)
      assert.deepEqual(await all.outcomesOf(operation), [pair.fenced], verb)
      assert.deepEqual(await again.ledger.openIntents({ all: true }), [], verb)
    }
  })

  it(`every verb waits until earlier operations are settled (${dialect})`, async () => {
    for (const verb of Object.keys(VERBS) as Verb[]) {
      await using all = await everyVerb(dialect)
      const first = await all.start()
      const pair = await CASES[verb](all, first)
      const operation = await leaveOpen(first, verb, pair)
      await pair.between?.()
      const between = await all.state()
      if (acts(verb)) {
        assert.equal(await first.perform(pair.b), 'operation.unsettled', verb)
        assert.deepEqual(await all.state(), between, `${verb}: refused, and changed something`)
      }
      Object.assign(first.faults, { outcomes: false, checkpoints: false })
      const size = (await all.logged()).length
      assert.equal(await first.perform(pair.b), 'done', verb)
      // A's outcome, then B with its outcome.
      const settled = acts(verb) ? [`${verb}: done`] : []
      assert.deepEqual(
        (await all.logged()).slice(size),
        [...settled, pair.b.verb, `${pair.b.verb}: done`],
        verb,
      )
      assert.deepEqual(await all.outcomesOf(operation), ['done'], verb)
      const before = await all.state()
      const again = await all.start()
      assert.equal(await again.operations.recover(forever, everything), 0, verb)
      assert.deepEqual(await all.state(), before, verb)
    }
  })
}

for (const dialect of DIALECTS)
  it(`PC-05: a right revoked during acceptance stops the operation (${dialect})`, async () => {
    await using coordinator = await testCoordinator(dialect)
    const web = await coordinator.member('web-1')
    const give = await signedSample('grant', operator, {
      subject: delegate.fingerprint,
      namespace: 'fleet',
      level: 'control',
    })
    await coordinator.perform(
      await coordinator.intent('grant.add', { arguments: { grant: toText(give) as never } }),
    )
    const take = await coordinator.intent('grant.revoke', {
      arguments: { revocation: await revocation('key', delegate.fingerprint) },
    })
    // The intent is accepted. The right is revoked before the intent is logged.
    let between = async (): Promise<void> => undefined
    const slow = await coordinator.start({
      database: (database) => ({
        ...database,
        transaction: async (work, options) => {
          await between()
          return database.transaction(work, options)
        },
      }),
    })
    between = async () => {
      between = async () => undefined
      await coordinator.perform(take)
    }
    const intent = await coordinator.intent('agent.label', {
      targets: [web.id],
      arguments: { labels: { role: 'x' } },
      by: delegate,
    })
    await assert.rejects(coordinator.perform(intent, { by: delegate, at: slow }), {
      code: 'trust.denied',
    })
    assert.deepEqual((await coordinator.agents.byId(web.id))?.labels, {})
    const last = (await coordinator.entries()).at(-1)?.statement
    assert.equal(last?.['verb'], 'grant.revoke')
  })
