/** Reports of an agent's collections, from one process to the next. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import type { FactCollection } from '../../shared/facts/collection.ts'
import { factPackage } from '../../shared/facts/package-set.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_AGENT, TEST_FLEET, testKey } from '../../shared/testing/statements.ts'
import { openCollectionStore, readCollection } from './collection-store.ts'
import type { CollectorResult } from './collectors/collector.ts'
import { openJournal } from './journal.ts'
import { factsHandlers } from '../handlers/facts.ts'
import { createReport, type CollectOptions } from './report.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const signal = new AbortController().signal
const rpm = (count: number): CollectorResult => ({
  state: 'read',
  packages: Array.from({ length: count }, (_, i) => factPackage('rpm', `p${i}`, 'noarch', '1-1')),
  odd: [],
  doubts: [],
})

/** Creates a home. Each collection runs in another process, as with cron. */
async function home(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-report-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const log = recordedLog()
  let minutes = 0
  const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1) + minutes * 60_000 }
  const told: FactCollection[] = []
  const collect = async (result: CollectorResult | Error, options?: CollectOptions) => {
    const journal = await openJournal({ clock, random, log }, { folder })
    const report = createReport(
      {
        journal,
        collections: await openCollectionStore({ random, log }, { folder }),
        key: testKey(204),
        clock,
        log,
        collect: async () => {
          if (result instanceof Error) throw result
          return { os, found: [{ manager: 'rpm', result }] }
        },
        publish: async () => undefined,
        send: async ({ collection }) => void told.push(collection),
      },
      { fleet: TEST_FLEET, agent: TEST_AGENT },
    )
    try {
      const collected = await report.collect(signal, options)
      const handlers = factsHandlers({ journal, report })
      const none = { send: async () => {} } as never
      const pulled = await handlers.pull({ epoch: 0, sequence: 0 }, none)
      const { packages, update, confirmed } = collected
      return { packages, kind: update?.kind, pulled: pulled.collection, confirmed }
    } finally {
      await journal.close()
    }
  }
  return { folder, told, log, collect, wait: (more: number) => void (minutes += more) }
}

const kinds = (collection: FactCollection | undefined) =>
  collection?.problems.map(({ kind }) => kind)

test('facts report: an empty database is sent at once and accepted later', async (t) => {
  const { folder, told, collect, wait } = await home(t)
  assert.equal((await collect(rpm(100))).packages, 100)
  const emptied = await collect(rpm(0))
  assert.deepEqual([emptied.packages, emptied.kind], [100, undefined])
  assert.deepEqual([kinds(emptied.pulled), kinds(told.at(-1))], [['implausible'], ['implausible']])
  assert.deepEqual(kinds(await readCollection(folder)), ['implausible'])
  // The agent restarts at once, or cron runs twice. That is not a second collection.
  assert.equal((await collect(rpm(0))).packages, 100)
  wait(5)
  const again = await collect(rpm(0))
  assert.deepEqual([again.packages, again.kind, kinds(again.pulled)], [0, 'events', []])
  assert.deepEqual(again.confirmed, [{ manager: 'rpm', gone: 100 }])
})

test('facts report: records the removals that an operator accepts, once', async (t) => {
  const { collect } = await home(t)
  await collect(rpm(100))
  assert.equal((await collect(rpm(30))).packages, 100)
  const accepted = await collect(rpm(30), { accept: ['rpm'] })
  assert.deepEqual([accepted.packages, kinds(accepted.pulled)], [30, []])
  assert.deepEqual(accepted.confirmed, [{ manager: 'rpm', gone: 70 }])
  assert.equal((await collect(rpm(10))).packages, 30)
})

test('facts report: a rejected acceptance records nothing', async (t) => {
  const { collect, folder, told } = await home(t)
  await collect(rpm(100))
  await collect(rpm(0))
  const before = [await readCollection(folder), told.length]
  await assert.rejects(collect(rpm(0), { accept: ['dpkg'] }), { code: 'facts.unknown-manager' })
  const unreadable = { state: 'unreadable', path: '/db', reason: 'cut' } as const
  await assert.rejects(collect(unreadable, { accept: ['rpm'] }), { code: 'facts.not-acceptable' })
  assert.deepEqual([await readCollection(folder), told.length], before)
  assert.equal((await collect(rpm(0), { accept: ['rpm'] })).packages, 0)
})

test('facts report: sends the reason of a failed collection until one succeeds', async (t) => {
  const { told, collect, folder } = await home(t)
  await collect(rpm(3))
  await assert.rejects(collect(new Error('the disk is gone')), { message: 'the disk is gone' })
  assert.deepEqual(
    told.at(-1)?.problems.map(({ kind, reason }) => [kind, reason]),
    [['failed', 'the disk is gone']],
  )
  assert.deepEqual(kinds((await collect(rpm(3))).pulled), [])
  assert.deepEqual(kinds(told.at(-1)), [])
  assert.deepEqual((await readdir(folder)).sort(), ['collection.json', 'journal'])
})

test('facts report: a host with unknown packages reports the reason', async (t) => {
  const { collect } = await home(t)
  const collected = await collect({ state: 'unsupported', path: '/var/db/pkg' })
  assert.deepEqual([collected.packages, collected.kind], [0, undefined])
  assert.deepEqual(kinds(collected.pulled), ['unsupported', 'unsupported'])
})
