import { factsRefusal } from '../../protocols/facts/errors.ts'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { openClient } from '../../protocols/rpc/call.ts'
import { defineProtocol, method } from '../../protocols/rpc/define-protocol.ts'
import { limits } from '../../protocols/facts/limits.ts'
import { pushResponse } from '../../protocols/facts/messages.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { dialSocket, serveSocket } from '../../protocols/rpc/socket.ts'
import { signedMessage } from '../../protocols/statement.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { systemClock as clock } from '../../shared/clock.ts'
import { apply, type FactState } from '../../shared/facts/apply.ts'
import { factPackage, type FactSet, factSet } from '../../shared/facts/package-set.ts'
import { readUpdate } from '../../shared/facts/update.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_AGENT, TEST_FLEET, testKey } from '../../shared/testing/statements.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { openCollectionStore } from './collection-store.ts'
import { openJournal } from './journal.ts'
import { pushFacts } from './push.ts'
import { createReport } from './report.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const setOf = (...names: string[]): FactSet =>
  factSet(
    os,
    names.map((name) => factPackage('rpm', name, 'noarch', '1-1')),
  )

/** `/muster/facts/1` as the previous version of the coordinator serves it. */
const olderFacts = defineProtocol({
  name: 'facts',
  version: 1,
  limits,
  methods: {
    push: method({
      capability: { kind: 'member', roles: ['agent'] },
      request: z.object({ update: signedMessage }),
      response: pushResponse,
      upload: true,
    }),
  },
})

/**
 * Starts a coordinator and a host. The coordinator applies facts as a real one does, but has no
 * database. The host can lose its journal.
 */
async function fleetOfTwo(t: TestContext, options: { older?: boolean } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'muster-push-'))
  const log = recordedLog()
  const coordinator: { state: FactState | undefined } = { state: undefined }
  const older = serveProtocol(
    olderFacts,
    { push: async () => ({ result: 'applied', epoch: 1, sequence: 1 }) },
    { policy: { allow: async () => ({ kind: 'local', name: 'a1' }) as const }, clock, log },
  )
  const serve = serveProtocol(
    facts,
    {
      pull: async () => {
        throw wireError('protocol.unsupported', { what: 'pull' })
      },
      report: async () => ({}),
      push: async ({ update }, { upload }) => {
        const payload = Buffer.concat(await Array.fromAsync(upload, (part) => part.slice()))
        const applied = apply(coordinator.state, readUpdate(readSigned(update, 'facts'), payload), {
          now: clock.now(),
        })
        if (applied.result === 'refused')
          throw factsRefusal('inventory.refused', { host: 'a1', reason: applied.reason })
        if (applied.result === 'applied') coordinator.state = applied.state
        return {
          result: applied.result,
          epoch: coordinator.state?.epoch ?? 0,
          sequence: coordinator.state?.sequence ?? 0,
        }
      },
    },
    { policy: { allow: async () => ({ kind: 'local', name: 'a1' }) as const }, clock, log },
  )
  const server = await serveSocket(
    { clock, log },
    {
      path: join(folder, 's', 'socket'),
      protocols: new Map([[facts.id, options.older === true ? older : serve]]),
    },
  )
  t.after(async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })
  let journals = 0
  /** Creates a host with an empty disk, which observes these sets. */
  const host = async (...sets: FactSet[]) => {
    const journal = await openJournal(
      { random, clock, log },
      { folder: join(folder, `journal-${(journals += 1)}`) },
    )
    t.after(() => journal.close())
    const report = createReport(
      {
        journal,
        key: testKey(204),
        clock,
        log,
        collections: await openCollectionStore(
          { random, log },
          { folder: `${folder}-${journals}` },
        ),
        collect: async () => {
          const { os: from, packages } = sets.shift() as FactSet
          const result = { state: 'read', packages, odd: [], doubts: [] } as const
          return { os: from, found: [{ manager: 'rpm', result }] }
        },
        publish: async () => undefined,
        send: async () => undefined,
      },
      { fleet: TEST_FLEET, agent: TEST_AGENT },
    )
    const signal = new AbortController().signal
    while (sets.length > 0) await report.collect(signal)
    const client = openClient(facts, await dialSocket(server.path, facts.id), { clock })
    t.after(() => client.close().catch(() => undefined))
    return () => pushFacts({ client, report, journal }, signal)
  }
  const known = () => [
    coordinator.state?.epoch,
    coordinator.state?.sequence,
    coordinator.state?.set.packages.map(({ name }) => name),
  ]
  return { host, known }
}

test('facts push: applies new facts once', async (t) => {
  const { host, known } = await fleetOfTwo(t)
  const push = await host(setOf('a'), setOf('a', 'b'))
  assert.equal(await push(), 'applied')
  assert.deepEqual(known(), [1, 2, ['a', 'b']])
  assert.equal(await push(), 'known')
})

test('facts push: a host that lost its journal begins a new epoch', async (t) => {
  const { host, known } = await fleetOfTwo(t)
  await (await host(setOf('a'), setOf('a', 'b'), setOf('a')))()
  assert.equal(await (await host(setOf('c')))(), 'applied')
  assert.deepEqual(known(), [2, 1, ['c']])
})

test('facts push: another set at the same position begins a new epoch', async (t) => {
  const { host, known } = await fleetOfTwo(t)
  await (await host(setOf('a')))()
  assert.equal(await (await host(setOf('c')))(), 'applied')
  assert.deepEqual(known(), [2, 1, ['c']])
})

test('facts push: a coordinator of the previous version accepts facts', async (t) => {
  const { host } = await fleetOfTwo(t, { older: true })
  assert.equal(await (await host(setOf('a')))(), 'applied')
  // A host without known packages sends only its collection, with `report`. The previous version
  // has no `report`, and the host ignores the rejection.
  assert.equal(await (await host(setOf()))(), 'known')
})
