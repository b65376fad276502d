/**
 * Every durable write of an agent on a full disk, and again once there is space.
 * agent/full-disk.test.ts runs it as a program, on a small disk that only it sees.
 *
 * usage: full-disk-cases.ts tmpfs|limit
 *   tmpfs  the temporary folder is on a small file system, which is filled
 *   limit  without such a mount: a limit of this process forbids every write to a file
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { openPool } from '../../shared/blobs/pool.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { factPackage, factSet } from '../../shared/facts/package-set.ts'
import { fleetId, sha256Hex } from '../../shared/ids.ts'
import { saveKeyFile } from '../../shared/identity/key-file.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { signedSample, TEST_TIME, testUuid } from '../../shared/testing/statements.ts'
import { commandError } from '../commands/errors.ts'
import { openJournal } from '../commands/journal.ts'
import { openJournal as openFactJournal } from '../facts/journal.ts'
import { openJournalFile } from '../facts/journal-file.ts'
import { watchHealth } from '../home/health.ts'
import { lockHome } from '../home/lock.ts'
import { readAgentIdentity, writeAgentIdentity } from '../home/identity.ts'
import { openRunnerHome } from '../runner/testing/runner-home.ts'
import { commandedAgent, call, probe, readOutcome, assertSame } from './commanded-agent.ts'
import {
  hostKey,
  joinedTrust,
  operationOf,
  operator,
  runOf,
  startIntent,
  testClock,
  testLog,
} from './coordinator-stand-in.ts'
import { until } from './until.ts'

const [mode] = process.argv.slice(2)
const BALLAST = join(tmpdir(), 'ballast')

async function limit(bytes: string): Promise<void> {
  await promisify(execFile)('prlimit', [`--fsize=${bytes}:`, '--pid', String(process.pid)])
}

async function fill(): Promise<void> {
  if (mode === 'limit') return limit('0')
  const file = await open(BALLAST, 'a')
  try {
    for (let bytes = 65_536; bytes >= 1; bytes = Math.floor(bytes / 2))
      for (;;) {
        const written = await file.write(Buffer.alloc(bytes)).catch((error: unknown) => {
          assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
          return undefined
        })
        if (written === undefined || written.bytesWritten < bytes) break
      }
  } finally {
    await file.close()
  }
}

const free = (): Promise<void> =>
  mode === 'limit' ? limit('unlimited') : rm(BALLAST, { force: true })

/** Runs the work while the disk is full. */
async function whileFull<T>(work: () => Promise<T>): Promise<T> {
  await fill()
  try {
    return await work()
  } finally {
    await free()
  }
}

const full = { code: 'storage.full', message: /cannot be written: .*(disk is full|takes no file)/ }
const folderOf = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-full-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
const revoke = (epoch: number) =>
  signedSample('revocation', operator, { epoch, id: testUuid(900 + epoch), target: testUuid(7) })

test('trust: revocations', async (t) => {
  const { trust, again } = await joinedTrust(t)
  const one = await revoke(1)
  await whileFull(() => assert.rejects(trust.learn({ revocations: [one] }), full))
  // A revocation counts at once. The next change writes it to the file.
  assert.equal(trust.revocations().epoch, 1)
  assert.equal((await again()).revocations().epoch, 0)
  await trust.learn({ revocations: [one] })
  assert.equal((await again()).revocations().epoch, 1)
})

test('trust: the certificate', async (t) => {
  const { trust, again } = await joinedTrust(t)
  const certificate = await signedSample('certificate', operator)
  await whileFull(() => assert.rejects(trust.keepCertificate(certificate), full))
  assert.equal(trust.certificate(), certificate)
  await trust.learn({})
  assertSame((await again()).certificate() as typeof certificate, certificate)
})

test('trust: the newest checkpoint', async (t) => {
  const { trust } = await joinedTrust(t)
  const checkpoint = await testLog().checkpoint()
  await whileFull(() => assert.rejects(trust.log.offer(checkpoint), full))
  assert.equal(await trust.log.known(), undefined)
  await trust.log.accept(checkpoint)
  assert.equal((await trust.log.known())?.size, 1)
})

test('commands: an accepted intent', async (t) => {
  const folder = await folderOf(t)
  const journal = await openJournal({ clock: testClock(), random }, { folder })
  const intent = await startIntent(1)
  await whileFull(() =>
    assert.rejects(journal.accept(operationOf(1), intent, TEST_TIME + 1_000), full),
  )
  assert.equal(journal.find(operationOf(1), intent), undefined)
  assert.deepEqual(await readdir(folder), [])
  await journal.accept(operationOf(1), intent, TEST_TIME + 1_000)
  assert.deepEqual(await readdir(folder), [`${operationOf(1)}.json`])
})

test('commands: the outcome of an intent, and a refusal', async (t) => {
  const folder = await folderOf(t)
  const deps = { clock: testClock(), random }
  const journal = await openJournal(deps, { folder })
  const [one, two] = [await startIntent(1), await startIntent(2)]
  const outcome = await signedSample('outcome', hostKey)
  await journal.accept(operationOf(1), one, TEST_TIME + 1_000)
  await whileFull(async () => {
    await journal.conclude(operationOf(1), outcome)
    await journal.refuse(operationOf(2), two, TEST_TIME + 1_000, outcome)
  })
  assert.equal(journal.find(operationOf(2), two)?.outcome, outcome)
  // The next write of a row also writes the rows that are only in memory.
  await journal.accept(operationOf(3), await startIntent(3), TEST_TIME + 1_000)
  const again = await openJournal(deps, { folder })
  for (const [n, intent] of [
    [1, one],
    [2, two],
  ] as const)
    assertSame(again.find(operationOf(n), intent)?.outcome as typeof outcome, outcome)
})

test('commands: the expiry of removed rows', async (t) => {
  const folder = await folderOf(t)
  const deps = { clock: testClock(), random }
  const journal = await openJournal(deps, { folder, maxKept: 1 })
  await journal.accept(operationOf(1), await startIntent(1), TEST_TIME + 1_000)
  await journal.conclude(operationOf(1), await signedSample('outcome', hostKey))
  deps.clock.at += 3_600_000
  const next = await startIntent(2)
  const outcome = await signedSample('outcome', hostKey)
  await whileFull(async () => {
    await assert.rejects(journal.accept(operationOf(2), next, deps.clock.at + 1_000), full)
    await assert.rejects(
      journal.refuse(operationOf(2), next, deps.clock.at + 1_000, outcome),
      (error: unknown) => commandError.is(error, 'command.journal-full'),
    )
  })
  await journal.accept(operationOf(2), next, deps.clock.at + 1_000)
  assert.equal(journal.mayHaveForgotten(TEST_TIME + 1_000), true)
})

test('commands: a whole intent', async (t) => {
  let failures = 0
  const agent = await commandedAgent(t, () => ({ onStorageFailure: () => void (failures += 1) }))
  const intent = await startIntent(1)
  const request = await agent.deliver(intent)
  const refused = await whileFull(async () => {
    const { outcome } = await call(agent.handlers, request)
    assertSame((await probe(agent.handlers, intent)).outcome, outcome)
    return outcome
  })
  const body = readOutcome(refused, intent)
  assert.deepEqual([body.result, body.detail['code']], ['refused', 'storage.full'])
  assert.match(String(body.detail['error']), full.message)
  assert.equal(failures, 1)
  // A refusal is final, and nothing was started.
  assertSame((await call(agent.handlers, request)).outcome, refused)
  assert.deepEqual(await agent.runner.client.list(), [])
  const second = await startIntent(2)
  const done = readOutcome(
    (await call(agent.handlers, await agent.deliver(second))).outcome,
    second,
  )
  assert.deepEqual([done.result, done.detail['run']], ['done', runOf(2)])
})

test('identity', async (t) => {
  const home = await folderOf(t)
  const identity = {
    id: '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10',
    name: 'a1',
    fleet: fleetId.parse('0'.repeat(32)),
    root: sha256Hex.parse('0'.repeat(64)),
    coordinators: ['/ip4/127.0.0.1/tcp/1'],
  } as Parameters<typeof writeAgentIdentity>[2]
  await whileFull(() => assert.rejects(writeAgentIdentity({ random }, home, identity), full))
  await writeAgentIdentity({ random }, home, identity)
  assert.deepEqual(await readAgentIdentity(home), identity)
})

test('the key of a node', async (t) => {
  const path = join(await folderOf(t), 'key')
  const key = generateKey({ random }, { comment: 'x' })
  await whileFull(() =>
    assert.rejects(saveKeyFile({ random }, path, key), { code: 'identity.key-unwritable' }),
  )
  await saveKeyFile({ random }, path, key)
})

test('the lock of a home needs no space', async (t) => {
  const home = await folderOf(t)
  const signal = new AbortController().signal
  ;(await lockHome({ clock }, { home, patienceMs: 0, signal })).release()
  const lock = await whileFull(() => lockHome({ clock }, { home, patienceMs: 0, signal }))
  lock.release()
})

/** Returns a set that is large enough to need another block of the disk. */
const setOf = (version: string) =>
  factSet(
    { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' },
    Array.from({ length: 300 }, (_, n) => factPackage('rpm', `p${n}`, 'noarch', version)),
  )

test('facts: an update', async (t) => {
  const folder = await folderOf(t)
  const journal = await openFactJournal({ clock, random, log: recordedLog() }, { folder })
  t.after(() => journal.close())
  await journal.observe(setOf('1-1'))
  await whileFull(() => assert.rejects(journal.observe(setOf('1-2')), { code: 'facts.journal' }))
  assert.equal(journal.position()?.sequence, 1)
  assert.equal((await journal.observe(setOf('1-2')))?.sequence, 2)
})

test('facts: the journal is rewritten', async (t) => {
  const path = join(await folderOf(t), 'journal')
  const { file } = await openJournalFile({ random }, path)
  t.after(() => file.close())
  await file.append({ n: 1 })
  await whileFull(() => assert.rejects(file.replace([{ n: 2 }])))
  await file.append({ n: 3 })
  const again = await openJournalFile({ random }, path)
  assert.deepEqual(again.records, [{ n: 1 }, { n: 3 }])
  await again.file.close()
})

test('the pool', async (t) => {
  const pool = await openPool({ clock, random, log: recordedLog() }, { folder: await folderOf(t) })
  const content = random.bytes(100_000)
  const add = () =>
    pool.ingest(
      (async function* () {
        yield content
      })(),
      { maxBytes: content.length },
    )
  await whileFull(() => assert.rejects(add(), { code: 'blob.no-space' }))
  await add()
})

test('a run: record, pipes, output', async () => {
  // The limit of this process does not apply to the runner.
  if (mode === 'limit') return
  await using home = await openRunnerHome()
  const gate = join(home.home, 'gate')
  await promisify(execFile)('mkfifo', [gate])
  const going = await home.start(['sh', '-c', `cat ${gate} > /dev/null; head -c 300000 /dev/zero`])
  await whileFull(async () => {
    // Output that can't be written to the disk is dropped and counted, and the run continues.
    await promisify(execFile)('sh', ['-c', `: > ${gate}`])
    const ended = await home.client.wait(going.run)
    await until(async () => (await home.client.status(going.run)).droppedBytes === 300_000)
    assert.deepEqual([ended.state, ended.exitCode], ['exited', 0])
    const status = await home.start(['true'])
    assert.equal(status.state, 'failed to start')
    assert.match(String(status.reason), /^ENOSPC: no space left on device: /)
  })
  const next = await home.start(['true'])
  assert.equal((await home.client.wait(next.run)).state, 'exited')
})

test('health: a full disk is reported while it is full', async (t) => {
  const folder = await folderOf(t)
  const seen: (string | undefined)[] = []
  const health = watchHealth(
    {
      clock: { ...clock, every: (ms, run) => clock.every(ms / 100, run) },
      random,
      log: recordedLog(),
    },
    { folders: [folder], changed: () => void seen.push(health.trouble()?.code) },
  )
  await whileFull(async () => {
    health.look()
    await until(() => seen.length === 1)
  })
  await until(() => seen.length === 2)
  await health.close()
  assert.deepEqual(seen, ['storage.full', undefined])
  assert.deepEqual(await readdir(folder), [])
})
