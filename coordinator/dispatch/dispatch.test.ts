/**
 * Operations on hosts, from the intent to the outcome in the log. The hosts respond, are offline,
 * fail before they respond, or send false responses.
 */
import { commandRefusal } from '../../protocols/command/errors.ts'
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { MusterError } from '../../shared/errors.ts'
import { runId } from '../../shared/ids.ts'
import {
  OTHER_FLEET,
  signedSample,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { toText } from '../../shared/trust/transport.ts'
import { ledgerError } from '../audit/errors.ts'
import type { Dialect } from '../database/schema/columns.ts'
import { databaseError } from '../database/errors.ts'
import { DIALECTS } from '../database/testing.ts'
import type { LoggedOperation } from '../operations/operation.ts'
import { runVerbs } from '../verbs/runs.ts'
import type { AgentRecord } from '../registry/agents.ts'
import {
  type CoordinatorParts,
  issuer,
  operator,
  type TestCoordinator,
  testCoordinator,
} from '../testing/coordinator.ts'
import { outcomeBy, type TestHosts, testHosts } from '../testing/hosts.ts'
import { createDispatch } from './dispatch.ts'
import { createRuns } from './runs.ts'

type Commands = Partial<Handlers<typeof command>>

interface Scene {
  readonly coordinator: TestCoordinator
  readonly parts: CoordinatorParts
  readonly hosts: TestHosts
  readonly members: readonly AgentRecord[]
  readonly runs: ReturnType<typeof createRuns>
  /** Starts the coordinator again with the same database and log. */
  again(closing?: AbortSignal): Promise<CoordinatorParts>
  /** Signs a `run.start` on all hosts. Run n is for the n-th host. */
  intent(): Promise<Signed>
  perform(signed: Signed, at?: CoordinatorParts, signal?: AbortSignal): Promise<string[]>
  /**
   * Returns the results in the order of the log, each with its signer: the host or the coordinator.
   */
  logged(): Promise<string[]>
}

const keyOf = (index: number) => testKey(100 + index)
const runOf = (index: number) => runId.parse(testUuid(index + 1))

async function scene(
  stack: AsyncDisposableStack,
  dialect: Dialect,
  count: number,
  closing?: AbortSignal,
): Promise<Scene> {
  const coordinator = stack.use(await testCoordinator(dialect))
  const hosts = stack.use(await testHosts(coordinator.clock))
  const { ledger, access, agents, clock, log, database } = coordinator
  const runs = createRuns({ database })
  const again: Scene['again'] = (ending) => {
    const dispatch = createDispatch({
      ledger,
      access,
      agents,
      clock,
      log,
      open: hosts.open,
      ...(ending ? { closing: ending } : {}),
    })
    return coordinator.start({
      handlers: runVerbs({ agents, dispatch, runs, clock }),
      ...(ending ? { closing: ending } : {}),
    })
  }
  const members: AgentRecord[] = []
  for (let index = 0; index < count; index += 1)
    members.push(await coordinator.member(`host-${index}`))
  const parts = await again(closing)
  return {
    coordinator,
    parts,
    hosts,
    members,
    runs,
    again,
    intent: () =>
      coordinator.intent('run.start', {
        targets: members.map((host) => host.id),
        arguments: {
          runs: Object.fromEntries(members.map((host, index) => [host.id, runOf(index)])),
          command: ['true'],
          env: {},
          limits: { outputBytes: 1 },
        },
      }),
    async perform(signed, at = parts, signal = new AbortController().signal) {
      const { results } = await coordinator.perform(signed, { at, context: { signal } })
      return results.map(({ target, result, error }) =>
        [members.find((host) => host.id === target)?.name, result, error?.code ?? ''].join(' '),
      )
    },
    async logged() {
      const rows = (await coordinator.entries()).filter(({ entry }) => entry.type === 'outcome')
      return rows.map(({ entry, statement }) => {
        const index = members.findIndex(
          (host) => Buffer.from(host.publicKey).toString('base64') === entry.key,
        )
        return `${index < 0 ? 'coordinator' : members[index]?.name}: ${String(statement['result'])}`
      })
    },
  }
}

/** Returns responses of a host that signs that it performed the intent. */
const doing = (
  host: AgentRecord,
  index: number,
  changes: Parameters<typeof outcomeBy>[3] = {},
): Commands => ({
  perform: async ({ intent }) => ({
    outcome: await outcomeBy(keyOf(index), host, intent, changes),
  }),
})

for (const dialect of DIALECTS) {
  it(`dispatch: logs each host's outcome, and a repeat returns the same (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, parts, hosts, members, intent, logged, runs } = await scene(
      stack,
      dialect,
      4,
    )
    const [a, b, c] = members as [AgentRecord, AgentRecord, AgentRecord]
    await hosts.connect(a, {
      command: doing(a, 0, { detail: { pid: 7, limits: { memory: 1 }, list: ['x'] } }),
    })
    await hosts.connect(b, {
      command: doing(b, 1, { result: 'refused', detail: { error: 'it does not like it' } }),
    })
    await hosts.connect(c, {
      command: doing(c, 2, { result: 'failed', detail: { error: 'no such file' } }),
    })
    const signed = await intent()
    const first = await coordinator.perform(signed, { at: parts })
    assert.deepEqual(
      first.results.map(
        ({ result, error }) => `${result} ${String(error?.code)}: ${String(error?.data['reason'])}`,
      ),
      [
        'done undefined: undefined',
        'refused dispatch.refused: it does not like it',
        'failed dispatch.failed: no such file',
        'failed dispatch.offline: undefined',
      ],
    )
    assert.deepEqual(await logged(), [
      'host-0: done',
      'host-1: refused',
      'host-2: failed',
      'coordinator: failed',
    ])
    // This response comes from the log, which keeps nested values and reasons as the hosts sent
    // them.
    assert.deepEqual(await coordinator.perform(signed, { at: await coordinator.start() }), first)
    const states = await Promise.all(
      [0, 1, 2, 3].map(async (index) => (await runs.find(runOf(index))).reason),
    )
    assert.deepEqual(states, [
      null,
      'it does not like it',
      'no such file',
      'host-3 is not connected',
    ])
    assert.deepEqual(members.map(hosts.streams), [0, 0, 0, 0])
  })

  it(`dispatch: an invalid outcome of one host changes no other outcome (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, members, intent, perform, logged, again } = await scene(
      stack,
      dialect,
      5,
    )
    const [honest, foreign, wide, other, stranger] = members as [
      AgentRecord,
      AgentRecord,
      AgentRecord,
      AgentRecord,
      AgentRecord,
    ]
    await hosts.connect(honest, { command: doing(honest, 0) })
    await hosts.connect(foreign, { command: doing(foreign, 1, { fleet: OTHER_FLEET }) })
    // The quotes take 40 KiB in the statement, which is valid. In the text of an entry they take
    // twice as much.
    await hosts.connect(wide, {
      command: doing(wide, 2, { detail: { error: '"'.repeat(20_000) } }),
    })
    await hosts.connect(other, { command: doing(honest, 3) })
    await hosts.connect(stranger, { command: doing(stranger, 99) })
    assert.deepEqual(await perform(await intent()), [
      'host-0 done ',
      ...[1, 2, 3, 4].map((index) => `host-${index} unknown dispatch.bad-outcome`),
    ])
    assert.deepEqual(await logged(), [
      'host-0: done',
      ...Array.from({ length: 4 }, () => 'coordinator: unknown'),
    ])
    assert.deepEqual(await coordinator.ledger.openIntents(), [])
    assert.deepEqual((await (await again()).ledger.verify()).findings, [])
    assert.deepEqual(members.map(hosts.streams), [0, 0, 0, 0, 0])
  })

  it(`dispatch: asks a host for its outcome if the response is missing (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { hosts, members, intent, perform } = await scene(stack, dialect, 3)
    const [breaks, denies, unprepared] = members as [AgentRecord, AgentRecord, AgentRecord]
    const probe: Commands['probe'] = async ({ intent: signed }) => ({
      outcome: await outcomeBy(keyOf(0), breaks, signed),
    })
    await hosts.connect(breaks, {
      command: { perform: () => Promise.reject(new Error('a bug')), probe },
    })
    const denial = (): never => {
      throw wireError('protocol.denied', { method: 'perform', needs: 'another certificate' })
    }
    await hosts.connect(denies, {
      command: { perform: denial, probe: () => assert.fail('it has not taken the intent') },
    })
    const bug = (): Promise<never> => Promise.reject(new Error('before the intent is sent'))
    await hosts.connect(unprepared, {
      command: { position: bug, probe: () => assert.fail('the intent was not sent to it') },
    })
    assert.deepEqual(await perform(await intent()), [
      'host-0 done ',
      'host-1 failed protocol.denied',
      'host-2 failed protocol.internal',
    ])
  })

  it(`dispatch: sends new proofs if the position of a host moved (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { hosts, members, intent, perform, coordinator } = await scene(stack, dialect, 1)
    const [host] = members as [AgentRecord]
    const seen: number[] = []
    const checkpoint = await coordinator.ledger.checkpoint()
    const position: Commands['position'] = async () => ({
      size: seen.length === 0 ? 0 : checkpoint.size,
      root: null,
      epoch: 0,
    })
    const moved: Commands['perform'] = async ({ intent: signed, consistentFrom }) => {
      seen.push(consistentFrom)
      if (seen.length === 1) throw commandRefusal('command.position-moved', { size: 1 })
      return { outcome: await outcomeBy(keyOf(0), host, signed) }
    }
    await hosts.connect(host, { command: { position, perform: moved } })
    assert.deepEqual(await perform(await intent()), ['host-0 done '])
    assert.deepEqual(seen, [0, checkpoint.size])
  })

  it(`dispatch: the next start asks for outcomes left open at the end (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const ending = new AbortController()
    const { coordinator, hosts, members, intent, perform, logged, again, parts, runs } =
      await scene(stack, dialect, 1, ending.signal)
    const [host] = members as [AgentRecord]
    // The host performs the intent. Before the host responds, the coordinator ends as on SIGTERM.
    const ends: Commands['perform'] = async () => {
      ending.abort(wireError('protocol.closed', { what: 'this process' }))
      throw new Error('the connection is gone')
    }
    await hosts.connect(host, { command: { perform: ends } })
    const signed = await intent()
    await assert.rejects(
      perform(signed, parts),
      (error) => error instanceof MusterError && error.code === 'operation.interrupted',
    )
    assert.deepEqual(await logged(), [])
    assert.equal((await runs.find(runOf(0))).state, 'starting')
    await hosts.connect(host, {
      command: {
        probe: async ({ intent: asked }) => ({ outcome: await outcomeBy(keyOf(0), host, asked) }),
      },
    })
    const next = await again()
    assert.equal(await next.operations.recover(new AbortController().signal, () => true), 1)
    assert.deepEqual(await logged(), ['host-0: done'])
    assert.deepEqual(await perform(signed, next), ['host-0 done '])
    assert.deepEqual(await coordinator.ledger.openIntents(), [])
  })

  it(`dispatch: an unreadable open intent blocks no other intent (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, members, intent, logged, again } = await scene(stack, dialect, 1)
    const [host] = members as [AgentRecord]
    const { database, ledger } = coordinator
    const strange = await coordinator.intent('run.stop', {
      targets: [host.id],
      arguments: { run: runOf(0), graceMs: 1, gently: true } as never,
    })
    for (const [verb, signed] of [
      ['run.stop', strange] as const,
      ['run.start', await intent()] as const,
    ])
      await database.transaction(async (tx) => {
        const { operation } = readSigned(signed, 'intent')
        const { index } = await ledger.append(tx, { type: 'intent', operation, signed })
        await ledger.openIntent(tx, { operation, index, verb })
      })
    await hosts.connect(host, {
      command: {
        probe: async ({ intent: asked }) => ({ outcome: await outcomeBy(keyOf(0), host, asked) }),
      },
    })
    const next = await again()
    assert.equal(await next.operations.recover(new AbortController().signal, () => true), 1)
    assert.deepEqual(await logged(), ['host-0: done'])
    assert.deepEqual(
      (await ledger.openIntents()).map((open) => open.verb),
      ['run.stop'],
    )
    assert.ok(
      next.log.lines.some((line) => line.level === 'error' && line.data['verb'] === 'run.stop'),
    )
  })

  it(`dispatch: a revoked host gets no intents, and its runs are lost (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, parts, hosts, members, intent, perform, logged, runs } = await scene(
      stack,
      dialect,
      2,
    )
    const [leaves, stays] = members as [AgentRecord, AgentRecord]
    for (const [index, host] of members.entries())
      await hosts.connect(host, { command: doing(host, index) })
    await perform(await intent())
    const body = { kind: 'agent', target: leaves.id, epoch: 1 } as const
    const revocation = toText(await signedSample('revocation', operator, body)) as never
    const revoke = await coordinator.intent('agent.revoke', {
      targets: [leaves.id],
      arguments: { revocation },
    })
    const { results } = await coordinator.perform(revoke, { at: parts })
    assert.deepEqual(results[0]?.detail, { lost: 1, runs: [runOf(0)] })
    assert.deepEqual(await runs.find(runOf(0)).then(({ state, reason }) => [state, reason]), [
      'lost',
      'host-0 was revoked while it ran',
    ])
    assert.equal((await runs.find(runOf(1))).state, 'running')
    const before = (await coordinator.entries()).length
    const stop = await coordinator.intent('run.stop', {
      targets: [leaves.id],
      arguments: { run: runOf(0), graceMs: 0 },
    })
    await assert.rejects(coordinator.perform(stop, { at: parts }), { code: 'dispatch.revoked' })
    assert.equal((await coordinator.entries()).length, before)
    // The host was revoked after the check. It is still connected, and gets no intent.
    const operation = {
      id: readSigned(stop, 'intent').operation,
      verb: 'run.stop',
      actor: operator.fingerprint,
      index: before,
    } as const
    const late = {
      ...operation,
      targets: [leaves.id],
      arguments: { run: runOf(0), graceMs: 0 },
      signed: stop,
    } as LoggedOperation
    await hosts.connect(leaves, { command: { position: () => assert.fail('it is spoken to') } })
    const { ledger, access, agents, clock, log } = coordinator
    const dispatch = createDispatch({ ledger, access, agents, clock, log, open: hosts.open })
    const signal = new AbortController().signal
    const said = [
      ...(await dispatch.deliver(late, [], signal)),
      ...(await dispatch.probe(late, signal)),
    ]
    assert.deepEqual(
      said.map((row) => `${row.result} ${String(row.error?.code)}`),
      ['failed dispatch.revoked', 'unknown dispatch.revoked'],
    )
    assert.equal((await logged()).filter((line) => line === 'host-1: done').length, 1)
    assert.equal(stays.status, 'approved')
  })

  it(`AL-04: a full disk is not reported as a lost log (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, members } = await scene(stack, dialect, 1)
    const [host] = members as [AgentRecord]
    const { note } = await coordinator.ledger.checkpoint()
    await hosts.connect(host, {
      command: {
        ...doing(host, 0),
        position: async () => ({ size: 1, root: null, epoch: 0, checkpoint: note }),
      },
    })
    const failures = [
      databaseError('database.full', { database: 'muster.db' }),
      ledgerError('ledger.storage', { path: 'tile', reason: 'the disk is full' }),
    ]
    const { access, agents, clock, log, ledger } = coordinator
    for (const failure of failures) {
      const compareCheckpoint = () => Promise.reject(failure)
      const parts = { access, agents, clock, log, open: hosts.open }
      const dispatch = createDispatch({ ...parts, ledger: { ...ledger, compareCheckpoint } })
      await assert.rejects(dispatch.witness(host, new AbortController().signal), failure)
    }
    const lines = JSON.stringify(log.lines)
    assert.match(lines, /the checkpoint of a host was not compared/)
    assert.doesNotMatch(lines, /does not fit/)
  })

  it(`AL-04: a host's signed checkpoint of a lost log freezes the log (${dialect})`, async () => {
    await using stack = new AsyncDisposableStack()
    const { coordinator, hosts, members, intent, again } = await scene(stack, dialect, 1)
    const [host] = members as [AgentRecord]
    const note = async (size: number, root: Uint8Array, signer = issuer): Promise<string> =>
      (await signCheckpoint(signer, TEST_FLEET, { size, root, at: TEST_TIME })).note
    const shows = (size: number, checkpoint?: string): Promise<void> =>
      hosts.connect(host, {
        command: {
          ...doing(host, 0),
          position: async () => ({
            size,
            root: null,
            epoch: 0,
            ...(checkpoint ? { checkpoint } : {}),
          }),
        },
      })
    const { ledger, access, agents, clock, log } = coordinator
    const start = async () => {
      const next = (await again()).ledger
      return {
        ledger: next,
        dispatch: createDispatch({ ledger: next, access, agents, clock, log, open: hosts.open }),
      }
    }
    const { root, size, note: own } = await ledger.checkpoint()
    const witness = async (): Promise<string> => {
      const { dispatch, ledger: own } = await start()
      const code = await dispatch.witness(host, new AbortController().signal).then(
        () => 'sound',
        (error: MusterError) => error.code,
      )
      return `${code}, ${own.frozen()?.code ?? 'not frozen'}`
    }
    await shows(size, own)
    assert.equal(await witness(), 'sound, not frozen')
    await shows(0)
    assert.equal(await witness(), 'sound, not frozen')
    await shows(1000, await note(1000, root, testKey(9)))
    assert.equal(await witness(), 'audit.note, not frozen')
    await shows(1000, await note(1000, root))
    assert.equal(await witness(), 'ledger.rolled-back, ledger.rolled-back')
    await shows(size, await note(size, Buffer.alloc(32, 7)))
    assert.equal(await witness(), 'ledger.forked, ledger.forked')
    // The delivery of an intent also detects the lost log, and the intent is not sent.
    await shows(1000, await note(1000, root))
    const signed = await intent()
    const { operation: id } = readSigned(signed, 'intent')
    const operation = {
      id,
      verb: 'run.start',
      actor: operator.fingerprint,
      index: 0,
      targets: [host.id],
      arguments: {},
      signed,
    } as never
    const { dispatch, ledger: frozen } = await start()
    const [result] = await dispatch.deliver(operation, [], new AbortController().signal)
    assert.deepEqual(
      [result?.result, result?.error?.code, frozen.frozen()?.code],
      ['failed', 'ledger.rolled-back', 'ledger.rolled-back'],
    )
    assert.equal(hosts.streams(host), 0)
  })
}
