/** Cases of each verb for the tests that run all verbs. A new verb needs an entry only here. */
import assert from 'node:assert/strict'
import type { ArgumentsOf, Verb } from '../../../protocols/control/verbs.ts'
import { signedSample, testUuid } from '../../../shared/testing/statements.ts'
import { toText } from '../../../shared/trust/transport.ts'
import { delegate, newOperation, operator } from '../../testing/coordinator.ts'
import { CONTENT, type EveryVerb, type NewIntent, type Started } from './every-verb.ts'

/** The BLAKE3 hash of CONTENT. */
export const BLOB = 'ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'
const el9 = { targets: ['el9'] } as const
const today = { targets: ['today'] } as const
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

export interface Pair {
  readonly a: NewIntent
  readonly b: NewIntent
  /** Makes a change outside of the coordinator between A and B. */
  readonly between?: () => Promise<void>
  /** The outcome of A that recovery logs after B was performed. */
  readonly fenced: 'done' | 'failed' | 'unknown'
}

/** Prepares a coordinator for two operations. The first one, A, has the verb of the case. */
type Prepare = (all: EveryVerb, first: Started) => Promise<Pair>

/**
 * The scene of the samples: hosts, and the snapshot `old` of the repository `today`. Run {@link
 * testUuid}(1) is on `web`.
 */
export interface SampleScene {
  readonly web: string
  readonly waiting: string
  readonly gone: string
}

export interface Sample<V extends Verb> {
  readonly targets?: readonly string[]
  readonly arguments: ArgumentsOf<V>
}

interface VerbCase<V extends Verb> {
  readonly pair: Prepare
  /** Returns an intent that can be performed in the scene. */
  readonly sample: (scene: SampleScene) => Sample<V> | Promise<Sample<V>>
}

async function performAll(started: Started, ...given: readonly NewIntent[]): Promise<void> {
  for (const wanted of given) assert.equal(await started.perform(wanted), 'done', wanted.verb)
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
export const revocation = async (kind: 'agent' | 'key', target: string, epoch = 1) =>
  toText(
    await signedSample('revocation', operator, { id: testUuid(800 + epoch), epoch, kind, target }),
  ) as never

export const VERB_CASES: { readonly [V in Verb]: VerbCase<V> } = {
  'repo.sync': {
    pair: async (all, first) => {
      await all.upstream('1')
      await performAll(first, sync)
      await all.upstream('2')
      return { a: sync, b: sync, between: () => all.upstream('3'), fenced: 'done' }
    },
    sample: () => ({
      ...today,
      arguments: { createSnapshot: false, allowRollback: false, acceptShrink: false },
    }),
  },
  'repo.publish': {
    pair: async (all, first) => {
      await all.upstream('1')
      await performAll(first, sync, create('old'))
      await all.upstream('2')
      await performAll(first, sync)
      const publish = { verb: 'repo.publish', ...el9 } as const
      return {
        a: { ...publish, arguments: { snapshot: 'old' } },
        b: { ...publish, arguments: {} },
        fenced: 'done',
      }
    },
    sample: () => ({ ...today, arguments: {} }),
  },
  'snapshot.create': {
    pair: async (all, first) => {
      await all.upstream('1')
      await performAll(first, sync)
      return { a: create('s'), b: remove('s'), fenced: 'unknown' }
    },
    sample: () => ({ ...today, arguments: { name: 'new', description: '' } }),
  },
  'snapshot.delete': {
    pair: async (all, first) => {
      await all.upstream('1')
      await performAll(first, sync, create('s'))
      return { a: remove('s'), b: create('s'), fenced: 'done' }
    },
    sample: () => ({ ...today, arguments: { name: 'old' } }),
  },
  'artifact.add': {
    pair: async () => ({ a: add, b: add, fenced: 'done' }),
    sample: () => ({ arguments: { blob: BLOB, size: CONTENT.length } }),
  },
  'run.start': {
    pair: async (all) => {
      const id = await host(all)
      return { a: startRun(id), b: stopRun(id), fenced: 'done' }
    },
    sample: ({ web }) => ({
      targets: [web],
      arguments: {
        runs: { [web]: testUuid(2) },
        command: ['true'],
        env: {},
        limits: { outputBytes: 1 },
      },
    }),
  },
  'run.stop': {
    pair: async (all, first) => {
      const id = await host(all)
      await performAll(first, startRun(id))
      return { a: stopRun(id), b: stopRun(id), fenced: 'done' }
    },
    sample: ({ web }) => ({ targets: [web], arguments: { run: testUuid(1), graceMs: 0 } }),
  },
  'enroll.token': {
    pair: async () => ({ a: token('a'), b: token('b'), fenced: 'done' }),
    sample: () => ({
      arguments: { hash: 'ab'.repeat(32), labels: {}, ttlMs: 60_000, approve: true },
    }),
  },
  'enroll.approve': {
    pair: async (all) => {
      const id = await host(all, 'pending')
      return {
        a: { verb: 'enroll.approve', targets: [id], arguments: { labels: { role: 'a' } } },
        b: label(id, 'b'),
        fenced: 'done',
      }
    },
    sample: ({ waiting }) => ({ targets: [waiting], arguments: { labels: { role: 'web' } } }),
  },
  'enroll.reject': {
    pair: async (all) => ({
      a: { verb: 'enroll.reject', targets: [await host(all, 'pending')], arguments: {} },
      b: token('b'),
      fenced: 'done',
    }),
    sample: ({ gone }) => ({ targets: [gone], arguments: {} }),
  },
  'agent.label': {
    pair: async (all) => {
      const id = await host(all)
      return { a: label(id, 'a'), b: label(id, 'b'), fenced: 'done' }
    },
    sample: ({ web }) => ({ targets: [web], arguments: { labels: { role: 'web' } } }),
  },
  'agent.revoke': {
    pair: async (all) => {
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
    sample: async ({ web }) => ({
      targets: [web],
      arguments: { revocation: await revocation('agent', web) },
    }),
  },
  'grant.add': {
    pair: async () => {
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
    sample: async () => ({
      arguments: {
        grant: toText(
          await signedSample('grant', operator, { subject: delegate.fingerprint }),
        ) as never,
      },
    }),
  },
  'grant.revoke': {
    pair: async () => ({
      a: {
        verb: 'grant.revoke',
        arguments: { revocation: await revocation('key', delegate.fingerprint) },
      },
      b: token('b'),
      fenced: 'done',
    }),
    sample: async () => ({
      arguments: { revocation: await revocation('key', delegate.fingerprint, 2) },
    }),
  },
}
