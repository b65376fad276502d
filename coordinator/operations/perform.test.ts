/**
 * Operations log intent, act and outcome in order, on both databases. This is one file, because
 * every case takes the same coordinator through the same steps.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MusterError } from '../../shared/errors.ts'
import { OTHER_FLEET, signedSample, TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import { toText } from '../../shared/trust/transport.ts'
import { ledgerError } from '../audit/errors.ts'
import { databaseError } from '../database/errors.ts'
import { DIALECTS } from '../database/testing.ts'
import { dispatchError } from '../dispatch/errors.ts'
import {
  delegate,
  newOperation,
  operator,
  secondOperator,
  stranger,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'
import type { ActHandler } from './operation.ts'
import { done } from '../outcomes/result.ts'

const code =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof MusterError && error.code === expected
const blob = 'ab'.repeat(32)
const content = { blob, size: 1 }

/** A handler that records its effects. */
function counting(effects: string[] = []): ActHandler<'artifact.add'> & { effects: string[] } {
  return {
    kind: 'act',
    effects,
    async act(operation) {
      effects.push(operation.id)
      return [done(blob, { size: 1 })]
    },
    async probe(operation) {
      return [
        effects.includes(operation.id)
          ? done(blob, { recovered: true })
          : { target: blob, result: 'failed', detail: { recovered: true } },
      ]
    },
  }
}

/** Returns the log's entries after the first, such as `intent artifact.add` or `outcome done`. */
async function logged(coordinator: TestCoordinator): Promise<string[]> {
  return (await coordinator.entries())
    .slice(1)
    .map(
      ({ entry, statement }) => `${entry.type} ${String(statement['result'] ?? statement['verb'])}`,
    )
}

for (const dialect of DIALECTS) {
  describe(`operations on ${dialect}`, () => {
    it(`acts on a signed intent, and responds once it is logged (${dialect})`, async () => {
      const seen: unknown[] = []
      await using coordinator: TestCoordinator = await testCoordinator(dialect, {
        handlers: {
          'artifact.add': {
            ...counting(),
            async act(operation) {
              const { ledger } = coordinator
              seen.push(
                await logged(coordinator),
                (ledger.published()?.size ?? 0) > operation.index,
                await ledger.openIntents(),
              )
              return [done(blob)]
            },
          },
        },
      })
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      const answer = await coordinator.perform(intent)
      assert.deepEqual(seen.slice(0, 2), [['intent artifact.add'], true])
      assert.equal((seen[2] as unknown[]).length, 1)
      assert.deepEqual(answer.results, [{ target: blob, result: 'done', detail: {} }])
      assert.equal(answer.index, 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome done'])
      assert.deepEqual(await coordinator.ledger.openIntents(), [])
      assert.equal(coordinator.ledger.published()?.size, 3)
      assert.deepEqual((await coordinator.ledger.verify()).findings, [])
    })

    it(`PC-17: acts once for one operation, also after a restart (${dialect})`, async () => {
      const handler = counting()
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': handler },
      })
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      const answers = await Promise.all([
        coordinator.perform(intent),
        coordinator.perform(intent),
        coordinator.perform(intent),
      ])
      answers.push(await coordinator.perform(intent))
      const restarted = await coordinator.start({ handlers: { 'artifact.add': handler } })
      answers.push(await coordinator.perform(intent, { at: restarted }))
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.equal(handler.effects.length, 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome done'])
    })

    it(`rejects another intent with the id of an earlier one (${dialect})`, async () => {
      const { promise: release, resolve: go } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      const handler = counting()
      const slow: ActHandler<'artifact.add'> = {
        ...handler,
        act: async (operation, context) => {
          reach()
          await release
          return handler.act(operation, context)
        },
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': slow },
      })
      const operation = newOperation()
      const first = await coordinator.intent('artifact.add', { operation, arguments: content })
      const other = await coordinator.intent('artifact.add', {
        operation,
        arguments: { ...content, size: 2 },
      })
      const copy = await coordinator.intent('artifact.add', {
        operation,
        arguments: content,
        by: secondOperator,
      })
      const running = coordinator.perform(first)
      await reached
      await assert.rejects(coordinator.perform(other), code('operation.reused-id'))
      go()
      await running
      await assert.rejects(coordinator.perform(other), code('operation.reused-id'))
      await assert.rejects(
        coordinator.perform(copy, { by: secondOperator }),
        code('operation.reused-id'),
      )
      assert.deepEqual(handler.effects, [operation])
    })

    it(`AL-01: one of two coordinators performs an operation (${dialect})`, async () => {
      const handler = counting()
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': handler },
      })
      // The second coordinator looks before the first one writes, and finds no operation. It writes
      // after the first one.
      const { promise: looked, resolve: look } = Promise.withResolvers<void>()
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
      let holding = false
      const second = await coordinator.start({
        name: 'c2',
        handlers: { 'artifact.add': handler },
        database: (database) => ({
          ...database,
          transaction: async (work, options) => {
            if (holding) {
              look()
              await finished
            }
            return database.transaction(work, options)
          },
        }),
      })
      holding = true
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      const late = coordinator.perform(intent, { at: second })
      await looked
      const answer = await coordinator.perform(intent)
      finish()
      assert.deepEqual(await late, answer)
      assert.equal(handler.effects.length, 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome done'])

      const both = await coordinator.intent('artifact.add', { arguments: content })
      const answers = await Promise.allSettled([
        coordinator.perform(both),
        coordinator.perform(both, { at: second }),
      ])
      for (const one of answers)
        if (one.status === 'rejected')
          assert.ok(code('operation.in-progress')(one.reason), String(one.reason))
      assert.equal(handler.effects.length, 2)
      assert.deepEqual(
        await coordinator.perform(both, { at: second }),
        await coordinator.perform(both),
      )
    })

    it(`commits a change with its intent and outcome, or not at all (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const web = await coordinator.member('web-1', { role: 'db', site: 'b' })
      const label = await coordinator.intent('agent.label', {
        targets: [web.id],
        arguments: { labels: { role: 'web', site: '' } },
      })
      const answer = await coordinator.perform(label)
      assert.deepEqual(answer.results, [{ target: web.id, result: 'done', detail: {} }])
      assert.deepEqual((await coordinator.agents.byId(web.id))?.labels, { role: 'web' })
      assert.deepEqual(coordinator.notified.changed, [web.id])
      assert.deepEqual(await coordinator.perform(label), answer)
      const before = [await logged(coordinator), await coordinator.rows()]
      // The second host is not pending, so the first is not approved either.
      const approve = await coordinator.intent('enroll.approve', {
        targets: [web.id],
        arguments: { labels: {} },
      })
      await assert.rejects(coordinator.perform(approve), code('registry.not-pending'))
      assert.deepEqual([await logged(coordinator), await coordinator.rows()], before)
    })

    it(`PC-05: a rejected intent leaves no trace (${dialect})`, async () => {
      const handler = counting()
      const checked: ActHandler<'artifact.add'> = {
        ...handler,
        check: async (operation) => {
          if (operation.arguments.size === 13)
            throw dispatchError('dispatch.offline', { host: 'web-1' })
        },
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': checked },
      })
      const web = await coordinator.member('web-1')
      const before = [await logged(coordinator), await coordinator.rows()]
      const labels = { arguments: { labels: { role: 'web' } } }
      const add = (changes: object = {}) =>
        coordinator.intent('artifact.add', { arguments: content, changes })
      const refused: [string, string, Parameters<TestCoordinator['perform']>][] = [
        [
          'a stranger',
          'trust.denied',
          [
            await coordinator.intent('artifact.add', { arguments: content, by: stranger }),
            { by: stranger },
          ],
        ],
        [
          'a stranger, on a host',
          'trust.denied',
          [
            await coordinator.intent('agent.label', { targets: [web.id], ...labels, by: stranger }),
            { by: stranger },
          ],
        ],
        ['a copy in other hands', 'operation.not-yours', [await add(), { by: stranger }]],
        ['another fleet', 'trust.fleet', [await add({ fleet: OTHER_FLEET })]],
        ['an unknown verb', 'operation.unknown-verb', [await add({ verb: 'artifact.burn' })]],
        ['a verb like a method', 'operation.unknown-verb', [await add({ verb: 'to.string' })]],
        ['another namespace', 'operation.malformed', [await add({ namespace: 'audit' })]],
        [
          'an unknown argument',
          'operation.malformed',
          [await add({ arguments: { ...content, force: true } })],
        ],
        ['no argument', 'operation.malformed', [await add({ arguments: {} })]],
        ['no host', 'operation.malformed', [await coordinator.intent('agent.label', labels)]],
        [
          'two repositories',
          'operation.too-many-targets',
          [await coordinator.intent('repo.publish', { targets: ['a', 'b'], arguments: {} })],
        ],
        [
          'a host that is none',
          'registry.unknown-host',
          [await coordinator.intent('agent.label', { targets: [testUuid(5)], ...labels })],
        ],
        [
          'a host by its name',
          'registry.unknown-host',
          [await coordinator.intent('agent.label', { targets: ['web-1'], ...labels })],
        ],
        [
          'what cannot work',
          'dispatch.offline',
          [await add({ arguments: { ...content, size: 13 } })],
        ],
      ]
      for (const [what, expected, args] of refused)
        await assert.rejects(coordinator.perform(...args), code(expected), what)
      coordinator.clock.at = TEST_TIME + 5 * 60_000
      const late = await add()
      coordinator.clock.at += 4 * 60_000
      await assert.rejects(coordinator.perform(late), code('trust.expired'))
      assert.deepEqual([await logged(coordinator), await coordinator.rows()], before)
      assert.deepEqual(handler.effects, [])
    })

    it(`PC-27: an unknown host and a forbidden host give the same error (${dialect})`, async () => {
      await using coordinator = await testCoordinator(dialect)
      const [web, db] = [
        await coordinator.member('web-1', { role: 'web' }),
        await coordinator.member('db-1', { role: 'db' }),
      ]
      const grant = toText(
        await signedSample('grant', operator, {
          subject: delegate.fingerprint,
          namespace: 'fleet',
          level: 'control',
          selector: { labels: { role: 'web' } },
        }),
      ) as never
      await coordinator.perform(await coordinator.intent('grant.add', { arguments: { grant } }))
      const label = async (target: string) => {
        const intent = await coordinator.intent('agent.label', {
          targets: [target],
          arguments: { labels: { a: 'b' } },
          by: delegate,
        })
        return coordinator.perform(intent, { by: delegate }).catch((error: unknown) => error)
      }
      const [forbidden, unknown] = [await label(db.id), await label(testUuid(5))]
      assert.ok(forbidden instanceof MusterError && unknown instanceof MusterError)
      assert.deepEqual([forbidden.code, forbidden.data], [unknown.code, unknown.data])
      assert.equal(forbidden.code, 'trust.denied')
      assert.equal(
        ((await label(web.id)) as { results: { result: string }[] }).results[0]?.result,
        'done',
      )
    })

    it(`an error of a verb is the outcome of every target (${dialect})`, async () => {
      const failing: ActHandler<'run.stop'> = {
        kind: 'act',
        act: async (operation) => {
          if (operation.arguments.graceMs === 1)
            throw dispatchError('dispatch.offline', { host: 'web-1' })
          throw new TypeError('secret detail')
        },
        probe: async () => [],
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'run.stop': failing },
      })
      const hosts = [await coordinator.member('web-1'), await coordinator.member('web-2')]
      const stop = async (graceMs: number) =>
        coordinator.perform(
          await coordinator.intent('run.stop', {
            targets: hosts.map((host) => host.id),
            arguments: { run: testUuid(1), graceMs },
          }),
        )
      assert.deepEqual(
        (await stop(1)).results,
        hosts.map((host) => ({
          target: host.id,
          result: 'failed',
          detail: {},
          error: { code: 'dispatch.offline', data: { host: 'web-1' } },
        })),
      )
      const [first] = (await stop(2)).results
      assert.equal(first?.error?.code, 'operation.failed')
      assert.equal(JSON.stringify(first).includes('secret'), false)
      assert.deepEqual(await logged(coordinator), [
        'intent run.stop',
        'outcome failed',
        'outcome failed',
        'intent run.stop',
        'outcome failed',
        'outcome failed',
      ])
    })

    it(`AL-13: a large outcome is cut to the size of an entry (${dialect})`, async () => {
      // Quotes need the most space: they are escaped in the statement and again in the entry.
      const quotes = {
        target: blob,
        result: 'failed',
        detail: { failures: Array.from({ length: 45 }, () => '"'.repeat(400)) },
      } as const
      const wordy: ActHandler<'artifact.add'> = {
        kind: 'act',
        act: async ({ arguments: { size } }) => [
          size === 2
            ? quotes
            : {
                target: blob,
                result: 'failed',
                detail: {
                  failures: Array.from({ length: 3000 }, (_, i) => `${i}: ${'€'.repeat(200)}`),
                  ratio: 0.5,
                  minus: -0,
                  half: 'a\ud800b',
                },
                error: {
                  code: 'repository.incomplete',
                  data: { repository: 'x'.repeat(70_000), missing: 0.25, of: 2 },
                },
              },
        ],
        probe: async () => [],
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': wordy },
      })
      await coordinator.perform(await coordinator.intent('artifact.add', { arguments: content }))
      assert.deepEqual(await coordinator.ledger.openIntents(), [])
      const outcome = (await coordinator.entries()).at(-1)?.statement as {
        detail: Record<string, unknown>
      }
      assert.equal(outcome.detail['ratio'], '0.5')
      assert.equal(outcome.detail['half'], 'a\ufffdb')
      assert.ok((outcome.detail['failures'] as string[]).length > 10)
      assert.match((outcome.detail['failures'] as string[])[9] as string, /^9: €/)
      const quoted = await coordinator.perform(
        await coordinator.intent('artifact.add', { arguments: { blob, size: 2 } }),
      )
      assert.equal(quoted.results[0]?.result, 'failed')
      assert.deepEqual(await coordinator.ledger.openIntents(), [])
    })

    it(`AL-02: does nothing if the intent cannot be signed (${dialect})`, async () => {
      const handler = counting()
      let full = false
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': handler },
        ledger: (ledger) => ({
          ...ledger,
          checkpoint: (signal) =>
            full
              ? Promise.reject(ledgerError('ledger.storage', { path: '/log', reason: 'ENOSPC' }))
              : ledger.checkpoint(signal),
        }),
      })
      full = true
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      await assert.rejects(coordinator.perform(intent), code('ledger.storage'))
      assert.deepEqual(handler.effects, [])
      assert.deepEqual(await coordinator.ledger.openIntents(), [])
      full = false
      assert.equal(
        (await coordinator.perform(intent)).results[0]?.error?.code,
        'operation.unsigned',
      )
      assert.deepEqual(handler.effects, [])

      // A revocation is valid even if the log is not signed, so it is announced.
      const revocation = toText(
        await signedSample('revocation', operator, { kind: 'key', target: delegate.fingerprint }),
      ) as never
      full = true
      const revoke = await coordinator.intent('grant.revoke', { arguments: { revocation } })
      await assert.rejects(coordinator.perform(revoke), code('operation.done-unsigned'))
      assert.equal(coordinator.notified.revoked, 1)
      full = false
      assert.equal((await coordinator.perform(revoke)).results[0]?.result, 'done')
    })

    it(`a repeated operation finds out an outcome that was not logged (${dialect})`, async () => {
      const handler = counting()
      let broken = false
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': handler },
        ledger: (ledger) => ({
          ...ledger,
          closeIntent: (tx, operation) =>
            broken
              ? Promise.reject(databaseError('database.full', { database: 'it' }))
              : ledger.closeIntent(tx, operation),
        }),
      })
      broken = true
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      // The error must not report "nothing was changed". That is true only for the transaction.
      await assert.rejects(coordinator.perform(intent), code('operation.unlogged'))
      assert.equal(handler.effects.length, 1)
      await assert.rejects(coordinator.perform(intent), code('database.full'))
      broken = false
      const [again, third] = await Promise.all([
        coordinator.perform(intent),
        coordinator.perform(intent),
      ])
      assert.deepEqual(again.results, [
        { target: blob, result: 'done', detail: { recovered: true } },
      ])
      assert.deepEqual(third, again)
      assert.equal(handler.effects.length, 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome done'])
    })

    it(`the next start finds out an outcome that was left unknown (${dialect})`, async () => {
      const handler = counting()
      const ending = new AbortController()
      const cut: ActHandler<'artifact.add'> = {
        ...handler,
        act: async (operation, context) => {
          await handler.act(operation, context)
          ending.abort(new Error('shutting down'))
          return [{ target: blob, result: 'unknown', detail: {} }]
        },
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': cut },
        closing: ending.signal,
      })
      const intent = await coordinator.intent('artifact.add', { arguments: content })
      const running = coordinator.perform(intent)
      await assert.rejects(running, code('operation.interrupted'))
      await coordinator.operations.idle()
      assert.deepEqual(await logged(coordinator), ['intent artifact.add'])
      const next = await coordinator.start({ handlers: { 'artifact.add': handler } })
      assert.equal(await next.operations.recover(new AbortController().signal, () => true), 1)
      assert.equal((await coordinator.perform(intent, { at: next })).results[0]?.result, 'done')
      assert.equal(handler.effects.length, 1)
    })

    it(`an aborted recovery leaves the intent open (${dialect})`, async () => {
      const handler = counting()
      const cut = new AbortController()
      const asking: ActHandler<'artifact.add'> = {
        ...handler,
        act: () => Promise.reject(new Error('unused')),
        probe: async (_operation, signal) => {
          cut.abort(new Error('shutting down'))
          signal.throwIfAborted()
          return []
        },
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': asking },
        closing: cut.signal,
      })
      const operation = newOperation()
      const signed = await coordinator.intent('artifact.add', { operation, arguments: content })
      await coordinator.database.transaction(async (tx) => {
        const { index } = await coordinator.ledger.append(tx, { type: 'intent', operation, signed })
        await coordinator.ledger.openIntent(tx, { operation, index, verb: 'artifact.add' })
      })
      assert.equal(await coordinator.operations.recover(cut.signal, () => true), 0)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add'])
      const next = await coordinator.start({ handlers: { 'artifact.add': handler } })
      assert.equal(
        await next.operations.recover(new AbortController().signal, (verb) =>
          verb.startsWith('run.'),
        ),
        0,
      )
      assert.equal(await next.operations.recover(new AbortController().signal, () => true), 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome failed'])
      assert.equal((await coordinator.perform(signed, { at: next })).results[0]?.result, 'failed')
    })

    it(`a caller that leaves doesn't stop the work for another caller (${dialect})`, async () => {
      const probing = Promise.withResolvers<void>()
      const release = Promise.withResolvers<void>()
      const slow: ActHandler<'artifact.add'> = {
        ...counting(),
        probe: async (_operation, signal) => {
          probing.resolve()
          await release.promise
          signal.throwIfAborted()
          return [{ target: blob, result: 'done', detail: { recovered: true } }]
        },
      }
      await using coordinator = await testCoordinator(dialect, {
        handlers: { 'artifact.add': slow },
      })
      const operation = newOperation()
      const signed = await coordinator.intent('artifact.add', { operation, arguments: content })
      await coordinator.database.transaction(async (tx) => {
        const { index } = await coordinator.ledger.append(tx, { type: 'intent', operation, signed })
        await coordinator.ledger.openIntent(tx, { operation, index, verb: 'artifact.add' })
      })
      const leaving = new AbortController()
      const recovery = coordinator.operations.recover(leaving.signal, () => true)
      await probing.promise
      const stays = coordinator.operations.recover(new AbortController().signal, () => true)
      leaving.abort(new Error('left'))
      assert.equal(await recovery, 0)
      release.resolve()
      assert.equal(await stays, 1)
      assert.deepEqual(await logged(coordinator), ['intent artifact.add', 'outcome done'])
    })
  })
}
