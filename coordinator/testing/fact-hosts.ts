/**
 * Creates hosts with journals, and a coordinator that pulls from them, for tests of the inventory.
 */
import assert from 'node:assert/strict'
import { rfc3339 } from '../../shared/clock.ts'
import { diff } from '../../shared/facts/events.ts'
import { factPackage, type FactSet, factSet, rootOf } from '../../shared/facts/package-set.ts'
import { factsBody, type FactUpdate } from '../../shared/facts/update.ts'
import { recordedLog, type RecordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_FLEET, TEST_TIME, testKey } from '../../shared/testing/statements.ts'
import { type Signed, signStatement } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Dialect } from '../database/schema/columns.ts'
import { createFactStore } from '../inventory/fact-store.ts'
import { createIngest, type Ingest } from '../inventory/ingest.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { type TestCoordinator, testCoordinator } from './coordinator.ts'
import { type Answers, type TestHosts, testHosts } from './hosts.ts'

export type Pull = NonNullable<Answers['facts']>['pull']

export const forever = new AbortController().signal
const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a' }
/** Returns the set of packages from texts such as `bash=5.1-1`. */
export const setOf = (...packages: string[]): FactSet =>
  factSet(
    os,
    packages.map((text) => {
      const [name, evr] = text.split('=') as [string, string]
      return factPackage('rpm', name, 'x86_64', evr)
    }),
  )

/** A host's journal: its installed packages at each step, and its response to a pull. */
export class Host {
  readonly record: AgentRecord
  readonly key: ReturnType<typeof testKey>
  readonly updates: FactUpdate[] = []
  readonly asked: string[] = []
  epoch = 1
  sets: FactSet[] = []
  /** The milliseconds by which the host's clock is ahead of the test's clock. */
  aheadMs = 0

  constructor(record: AgentRecord, key: ReturnType<typeof testKey>) {
    this.record = record
    this.key = key
  }

  install(...packages: string[]): FactUpdate {
    const set = setOf(...packages)
    const before = this.sets.at(-1)
    this.sets.push(set)
    const at = rfc3339(TEST_TIME + this.aheadMs + this.sets.length * 1000)
    const base = { epoch: this.epoch, sequence: this.sets.length, root: rootOf(set), at }
    const update: FactUpdate =
      before === undefined
        ? { ...base, kind: 'full', set }
        : { ...base, kind: 'events', events: diff(before.packages, set.packages, at) }
    this.updates.push(update)
    return update
  }

  /** Loses the journal. */
  forget(): void {
    this.epoch += 1
    this.sets = []
    this.updates.length = 0
  }

  full(): FactUpdate {
    const [last, set] = [this.updates.at(-1), this.sets.at(-1)]
    assert.ok(last !== undefined && set !== undefined)
    return {
      epoch: last.epoch,
      sequence: last.sequence,
      root: last.root,
      at: rfc3339(TEST_TIME + this.aheadMs),
      kind: 'full',
      set,
    }
  }

  sign(update: FactUpdate, changes: object = {}): Promise<Signed> {
    return signStatement(this.key, 'facts', {
      fleet: TEST_FLEET,
      agent: this.record.id,
      ...factsBody(update).body,
      ...changes,
    })
  }

  readonly pull: NonNullable<Pull> = async ({ epoch, sequence }, { send }) => {
    this.asked.push(`${epoch}.${sequence}`)
    const chosen =
      epoch === this.epoch
        ? this.updates.filter((update) => update.sequence > sequence)
        : [this.full()]
    for (const update of chosen) {
      const { payload } = factsBody(update)
      if (payload !== undefined) await send(payload)
    }
    return { updates: (await Promise.all(chosen.map((update) => this.sign(update)))).map(toWire) }
  }
}

export interface Scene {
  readonly coordinator: TestCoordinator
  readonly hosts: TestHosts
  readonly ingest: Ingest
  readonly store: ReturnType<typeof createFactStore>
  readonly log: RecordedLog
  host(name: string): Promise<Host>
  /** Returns the installed packages in the coordinator's database. */
  installed(host: Host): Promise<string[]>
  position(host: Host): Promise<string>
  history(host: Host, name?: string): Promise<string[]>
  news(host: Host, update: FactUpdate): Promise<void>
}

export async function scene(stack: AsyncDisposableStack, dialect: Dialect): Promise<Scene> {
  const coordinator = stack.use(await testCoordinator(dialect))
  const hosts = stack.use(await testHosts(coordinator.clock))
  const { database, agents, clock } = coordinator
  const store = createFactStore({ database })
  const log = recordedLog()
  const ingest = createIngest(
    { database, store, agents, clock, log, open: hosts.open },
    { fleet: TEST_FLEET },
  )
  stack.defer(() => ingest.close())
  // Owned by host().
  let made = 0
  return {
    coordinator,
    hosts,
    ingest,
    store,
    log,
    async host(name) {
      const key = testKey(100 + made++)
      const host = new Host(await coordinator.member(name, {}, key), key)
      await hosts.connect(host.record, { facts: { pull: host.pull } })
      return host
    },
    async installed(host) {
      const state = await store.state(host.record.id)
      return (state?.set.packages ?? []).map((pkg) => `${pkg.name}=${pkg.version}-${pkg.release}`)
    },
    async position(host) {
      const state = await store.state(host.record.id)
      return `${state?.epoch ?? 0}.${state?.sequence ?? 0}`
    },
    async history(host, name) {
      const { events } = await store.history(host.record.id, name)
      return events.map((event) => `${event.event} ${event.name} ${event.from} ${event.to}`)
    },
    news: async (host, update) =>
      ingest.acceptGossip(ingest.verify(await host.sign(update)), forever),
  }
}
