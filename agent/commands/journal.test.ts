import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { systemRandom } from '../../shared/random.ts'
import { signedSample, TEST_TIME } from '../../shared/testing/statements.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { toText } from '../../shared/trust/transport.ts'
import {
  hostKey,
  operationOf,
  startIntent,
  testClock,
  type TestClock,
} from '../testing/coordinator-stand-in.ts'
import { commandError } from './errors.ts'
import { type Journal, openJournal } from './journal.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const is = (code: Parameters<typeof commandError.is>[1]) => (error: unknown) =>
  commandError.is(error, code)
const outcome = (): Promise<Signed> => signedSample('outcome', hostKey)

async function place(
  t: TestContext,
): Promise<{ folder: string; clock: TestClock; open(maxKept?: number): Promise<Journal> }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-journal-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const clock = testClock()
  return {
    folder,
    clock,
    open: (maxKept) =>
      openJournal(
        { clock, random: systemRandom },
        { folder: join(folder, 'commands'), ...(maxKept === undefined ? {} : { maxKept }) },
      ),
  }
}

async function finish(journal: Journal, n: number): Promise<void> {
  await journal.accept(operationOf(n), await startIntent(n), TEST_TIME + 5 * MINUTE)
  await journal.conclude(operationOf(n), await outcome())
}

test('commands/journal: finds an intent and its outcome after a restart', async (t) => {
  const { open } = await place(t)
  const first = await open()
  const intent = await startIntent(1)
  assert.equal(first.find(operationOf(1), intent), undefined)
  assert.deepEqual(await first.accept(operationOf(1), intent, TEST_TIME), { outcome: undefined })
  const second = await open()
  assert.deepEqual(second.find(operationOf(1), intent), { outcome: undefined })
  assert.deepEqual(await second.accept(operationOf(1), intent, TEST_TIME), { outcome: undefined })
  await second.conclude(operationOf(1), await outcome())
  for (const journal of [second, await open()]) {
    const found = await journal.accept(operationOf(1), intent, TEST_TIME)
    assert.deepEqual(toText(found.outcome as Signed), toText(await outcome()))
  }
})

test('commands/journal: rejects another intent under a known id', async (t) => {
  const { open } = await place(t)
  await finish(await open(), 1)
  const other = await startIntent(1, { targets: [] })
  for (const journal of [await open()]) {
    await assert.rejects(journal.accept(operationOf(1), other, TEST_TIME), is('command.replayed'))
    assert.throws(() => journal.find(operationOf(1), other), is('command.replayed'))
  }
})

test('commands/journal: keeps one refusal, and no refusal of an accepted intent', async (t) => {
  const { open } = await place(t)
  const journal = await open()
  const [refused, accepted] = [await startIntent(1), await startIntent(2)]
  await journal.refuse(operationOf(1), refused, TEST_TIME + MINUTE, await outcome())
  await journal.accept(operationOf(2), accepted, TEST_TIME + MINUTE)
  await assert.rejects(
    journal.refuse(operationOf(2), accepted, TEST_TIME + MINUTE, await outcome()),
    /is known/,
  )
  await assert.rejects(
    journal.refuse(
      operationOf(1),
      await startIntent(1, { targets: [] }),
      TEST_TIME,
      await outcome(),
    ),
    is('command.replayed'),
  )
  for (const each of [journal, await open()]) {
    assert.notEqual(each.find(operationOf(1), refused)?.outcome, undefined)
    assert.deepEqual(each.find(operationOf(2), accepted), { outcome: undefined })
    assert.equal(each.mayHaveForgotten(TEST_TIME), false)
  }
})

test('commands/journal: rejects an outcome without an accepted intent', async (t) => {
  const { open, folder } = await place(t)
  const journal = await open()
  await assert.rejects(journal.conclude(operationOf(1), await outcome()), /never accepted/)
  assert.deepEqual(await readdir(join(folder, 'commands')), [])
})

test('commands/journal: removes outcomes after a week and not earlier', async (t) => {
  const { open, clock, folder } = await place(t)
  const journal = await open()
  await finish(journal, 1)
  await journal.accept(operationOf(2), await startIntent(2), TEST_TIME + 5 * MINUTE)
  clock.at += 6 * DAY
  await finish(journal, 3)
  assert.notEqual(journal.find(operationOf(1), await startIntent(1)), undefined)
  clock.at += 1 * DAY + 1
  await finish(journal, 4)
  assert.equal(journal.find(operationOf(1), await startIntent(1)), undefined)
  // This intent is accepted and has no outcome. Such a row is never removed.
  assert.deepEqual(journal.find(operationOf(2), await startIntent(2)), { outcome: undefined })
  assert.deepEqual((await readdir(join(folder, 'commands'))).sort(), [
    ...[2, 3, 4].map((n) => `${operationOf(n)}.json`),
    'forgotten.json',
  ])
  // An intent whose row may have been removed does not count as new. This holds after a restart
  // too.
  for (const each of [journal, await open()]) {
    assert.equal(each.mayHaveForgotten(TEST_TIME + 5 * MINUTE), true)
    assert.equal(each.mayHaveForgotten(TEST_TIME + 5 * MINUTE + 1), false)
  }
})

test('commands/journal: removes the oldest expired outcomes when it is full', async (t) => {
  const { open, clock } = await place(t)
  const journal = await open(3)
  for (const n of [1, 2, 3]) {
    await finish(journal, n)
    clock.at += 1
  }
  const fourth = await startIntent(4)
  await assert.rejects(
    journal.accept(operationOf(4), fourth, clock.at + 5 * MINUTE),
    is('command.journal-full'),
  )
  assert.equal(journal.find(operationOf(4), fourth), undefined)
  clock.at += 5 * MINUTE
  await journal.accept(operationOf(4), fourth, clock.at + 5 * MINUTE)
  assert.equal(journal.find(operationOf(1), await startIntent(1)), undefined)
  assert.notEqual(journal.find(operationOf(2), await startIntent(2)), undefined)
})

test('commands/journal: limits an expiry that is a hundred years ahead', async (t) => {
  const { open, clock } = await place(t)
  const journal = await open(2)
  for (const n of [1, 2]) {
    await journal.accept(operationOf(n), await startIntent(n), TEST_TIME + 36_500 * DAY)
    await journal.conclude(operationOf(n), await outcome())
  }
  await assert.rejects(
    journal.accept(operationOf(3), await startIntent(3), TEST_TIME + 5 * MINUTE),
    is('command.journal-full'),
  )
  clock.at = TEST_TIME + 8 * MINUTE
  assert.deepEqual(
    await journal.accept(operationOf(3), await startIntent(3), clock.at + 5 * MINUTE),
    { outcome: undefined },
  )
})

test('commands/journal: removes temporary files and rejects a damaged row', async (t) => {
  const { open, folder } = await place(t)
  await finish(await open(), 1)
  const file = join(folder, 'commands', `${operationOf(1)}.json`)
  const good = await readFile(file, 'utf8')
  await writeFile(join(folder, 'commands', `.${operationOf(2)}.json.tmp`), good.slice(0, 20))
  await open()
  assert.deepEqual(await readdir(join(folder, 'commands')), [`${operationOf(1)}.json`])
  for (const bad of [
    '',
    '{}',
    good.slice(0, -5),
    good.replace('dsse', 'none'),
    good.replace('digest', 'digits'),
  ]) {
    await writeFile(file, bad)
    await assert.rejects(open(), is('command.journal-damaged'), bad.slice(0, 60))
  }
})

test('commands/journal: does not accept an intent that it cannot write', async (t) => {
  const { folder, clock } = await place(t)
  const random = {
    ...systemRandom,
    bytes: (): Uint8Array => {
      throw new Error('disk full')
    },
  }
  const journal = await openJournal({ clock, random }, { folder: join(folder, 'commands') })
  await assert.rejects(journal.accept(operationOf(1), await startIntent(1), TEST_TIME), /disk full/)
  assert.equal(journal.find(operationOf(1), await startIntent(1)), undefined)
})

test('commands/journal: rejects a damaged file of the expiry of removed rows', async (t) => {
  const { open, folder } = await place(t)
  await open()
  await writeFile(join(folder, 'commands', 'forgotten.json'), '{"until":')
  await assert.rejects(open(), is('command.journal-damaged'))
})
