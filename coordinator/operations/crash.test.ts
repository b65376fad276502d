import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemRandom } from '../../shared/random.ts'
import { DIALECTS } from '../database/testing.ts'
import {
  type CoordinatorParts,
  newOperation,
  type StartOptions,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'
import type { ActHandler } from './operation.ts'
import { done } from '../outcomes/result.ts'

const blob = 'ab'.repeat(32)
/** Larger than the number of steps of any operation. */
const MAX_PLACES = 80

/**
 * Simulates a killed process. From its n-th step on, every step throws, and an open transaction is
 * rolled back.
 */
function mortal(): {
  arm(place: number): void
  readonly passed: number
  pass(): void
  options: StartOptions
} {
  let left = Number.POSITIVE_INFINITY
  let passed = 0
  const pass = (): void => {
    passed += 1
    left -= 1
    if (left <= 0) throw new Error('kill -9')
  }
  return {
    arm: (place) => {
      left = place
      passed = 0
    },
    get passed() {
      return passed
    },
    pass,
    options: {
      // A durable write begins with a random temporary name, so this counts as a step.
      random: {
        ...systemRandom,
        bytes: (length) => {
          pass()
          return systemRandom.bytes(length)
        },
      },
      database: (database) => ({
        ...database,
        transaction: async (work, options) => {
          pass()
          const result = await database.transaction(async (tx) => {
            pass()
            const inside = await work(tx)
            pass()
            return inside
          }, options)
          // The transaction is committed, but its caller gets no result.
          pass()
          return result
        },
      }),
      ledger: (ledger) => ({
        ...ledger,
        append: async (tx, entry) => {
          const appended = await ledger.append(tx, entry)
          pass()
          return appended
        },
        checkpoint: async (signal) => {
          const made = await ledger.checkpoint(signal)
          pass()
          return made
        },
      }),
    },
  }
}

/**
 * Returns the log's entries for each operation, in order: the result of an outcome, else the type.
 */
async function byOperation(coordinator: TestCoordinator): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  for (const { entry, statement } of (await coordinator.entries()).slice(1)) {
    const id = entry.operation as string
    found.set(id, [...(found.get(id) ?? []), String(statement['result'] ?? entry.type)])
  }
  return found
}

const forever = new AbortController().signal

for (const dialect of DIALECTS) {
  it(`AL-01: a killed operation has one outcome, at most one effect (${dialect})`, async () => {
    const effects: string[] = []
    const acting = (pass: () => void): ActHandler<'artifact.add'> => ({
      kind: 'act',
      act: async (operation) => {
        pass()
        effects.push(operation.id)
        pass()
        return [done(blob)]
      },
      probe: async (operation) => [
        effects.includes(operation.id)
          ? done(blob)
          : { target: blob, result: 'failed', detail: {} },
      ],
    })
    await using coordinator = await testCoordinator(dialect)
    let places = 0
    for (let died = true; died; ) {
      places += 1
      assert.ok(places < MAX_PLACES)
      const life = mortal()
      const before = await coordinator.start({
        ...life.options,
        handlers: { 'artifact.add': acting(life.pass) },
      })
      const operation = newOperation()
      const intent = await coordinator.intent('artifact.add', {
        operation,
        arguments: { blob, size: 1 },
      })
      life.arm(places)
      died = await coordinator.perform(intent, { at: before }).then(
        () => false,
        (error: Error) => /kill -9/.test(error.message),
      )
      // Starts the coordinator again.
      const after = await coordinator.start({
        handlers: { 'artifact.add': acting(() => undefined) },
      })
      assert.equal(after.ledger.frozen(), undefined, `place ${places}`)
      await after.operations.recover(forever, () => true)
      const entries = (await byOperation(coordinator)).get(operation)
      const acted = effects.filter((id) => id === operation).length
      assert.ok(acted <= 1)
      if (entries === undefined) assert.equal(acted, 0, `place ${places}: an effect without intent`)
      else assert.deepEqual(entries, ['intent', acted === 1 ? 'done' : 'failed'], `place ${places}`)
      // A caller without a response sends the same operation again.
      const [answer] = (await coordinator.perform(intent, { at: after })).results
      assert.equal(answer?.result, entries === undefined || acted === 1 ? 'done' : 'failed')
      assert.deepEqual((await byOperation(coordinator)).get(operation)?.length, 2)
      assert.ok(effects.filter((id) => id === operation).length <= 1)
    }
    assert.ok(places > 12, `${places} places`)
    assert.deepEqual((await (await coordinator.start()).ledger.verify()).findings, [])
    assert.deepEqual(await coordinator.ledger.openIntents({ all: true }), [])
  })

  it(`AL-01: a killed change of the database is whole or absent (${dialect})`, async () => {
    await using coordinator = await testCoordinator(dialect)
    const web = await coordinator.member('web-1')
    const labelOf = async (at: CoordinatorParts): Promise<string | undefined> =>
      (await at.agents.byId(web.id))?.labels['n']
    let places = 0
    for (let died = true; died; ) {
      places += 1
      assert.ok(places < MAX_PLACES)
      const life = mortal()
      const before = await coordinator.start(life.options)
      const operation = newOperation()
      const label = await coordinator.intent('agent.label', {
        operation,
        targets: [web.id],
        arguments: { labels: { n: String(places) } },
      })
      life.arm(places)
      died = await coordinator.perform(label, { at: before }).then(
        () => false,
        (error: Error) => /kill -9/.test(error.message),
      )
      const after = await coordinator.start()
      assert.equal(
        await after.operations.recover(forever, () => true),
        0,
        'a change of the database is never open',
      )
      const entries = (await byOperation(coordinator)).get(operation)
      assert.equal(
        await labelOf(after),
        entries === undefined ? (places === 1 ? undefined : String(places - 1)) : String(places),
        `place ${places}`,
      )
      if (entries !== undefined) assert.deepEqual(entries, ['intent', 'done'])
      assert.equal((await coordinator.perform(label, { at: after })).results[0]?.result, 'done')
      assert.deepEqual((await byOperation(coordinator)).get(operation), ['intent', 'done'])
      assert.equal(await labelOf(after), String(places))
    }
    assert.ok(places > 6, `${places} places`)
    assert.deepEqual((await (await coordinator.start()).ledger.verify()).findings, [])
  })
}
