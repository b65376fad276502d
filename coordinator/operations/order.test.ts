/**
 * Recovery keeps the order of the log, for every verb. Operation A has no outcome, operation B
 * follows, then the coordinator restarts.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VERBS, type Verb } from '../../protocols/control/verbs.ts'
import { signedSample } from '../../shared/testing/statements.ts'
import { toText } from '../../shared/trust/transport.ts'
import { DIALECTS } from '../database/testing.ts'
import { delegate, newOperation, operator, testCoordinator } from '../testing/coordinator.ts'
import { everyVerb, type Started } from './testing/every-verb.ts'
import { type Pair, revocation, VERB_CASES } from './testing/verb-cases.ts'

const acts = (verb: Verb): boolean => /^(repo|snapshot|artifact|run)\./.test(verb)
const forever = new AbortController().signal
const everything = (): true => true

/**
 * Performs A and keeps its outcome out of the log. If change and outcome are one transaction, only
 * the signature of the log is missing.
 */
async function leaveOpen(at: Started, verb: Verb, { a }: Pair, operation = newOperation()) {
  at.faults[acts(verb) ? 'outcomes' : 'checkpoints'] = true
  const expected = acts(verb) ? 'operation.unlogged' : 'operation.done-unsigned'
  assert.equal(await at.perform(a, operation), expected, verb)
  return operation
}

for (const dialect of DIALECTS) {
  it(`no verb's recovery undoes a later operation (${dialect})`, async () => {
    for (const verb of Object.keys(VERBS) as Verb[]) {
      await using all = await everyVerb(dialect)
      const first = await all.start()
      const pair = await VERB_CASES[verb].pair(all, first)
      const operation = await leaveOpen(first, verb, pair)
      await pair.between?.()
      // A second coordinator can't settle the operations of the first one.
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
      const pair = await VERB_CASES[verb].pair(all, first)
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
      // The log gets A's outcome, then B and its outcome.
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
