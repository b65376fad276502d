/**
 * Creates the parts of a coordinator that need no network: registry, rights, operations. The
 * database and the log are real. `start` creates the parts again with the same database and log,
 * like a restart or a second coordinator. For verbs that act outside of the database, the test
 * gives the handlers that it needs.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ArgumentsOf, VERBS, type Verb } from '../../protocols/control/verbs.ts'
import { type Entry } from '../../shared/audit/entry.ts'
import { type Clock, rfc3339, systemClock } from '../../shared/clock.ts'
import type { NodeKey } from '../../shared/identity/signer.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import {
  type AgentId,
  agentId,
  type OperationId,
  operationId,
  uuidv7Generator,
} from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { type RecordedLog, recordedLog } from '../../shared/testing/recorded-log.ts'
import { sampleBody, TEST_FLEET, TEST_TIME, testKey } from '../../shared/testing/statements.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import { type Signed, signStatement, type Unsigned } from '../../shared/trust/signed.ts'
import { type Ledger, openLedger } from '../audit/ledger.ts'
import type { Dialect } from '../database/schema/columns.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'
import { testPlace } from '../database/testing.ts'
import { createRuns } from '../dispatch/runs.ts'
import type { ActHandler, OperateContext, VerbHandlers } from '../operations/operation.ts'
import { createOutcomes, type Outcomes } from '../operations/outcomes.ts'
import { createOperations, type Operations } from '../operations/perform.ts'
import { enrolmentVerbs } from '../verbs/enrolment.ts'
import { grantVerbs } from '../verbs/grants.ts'
import { type Access, createAccess } from '../registry/access.ts'
import { type AgentRecord, type Agents, createAgents } from '../registry/agents.ts'
import { type Certificates, createCertificates } from '../registry/certificates.ts'
import { createEnrolment, type Enrolment } from '../registry/enrolment.ts'
import { insertFirstRoot } from '../registry/statements.ts'

export const operator = testKey(1)
export const secondOperator = testKey(2)
export const delegate = testKey(3)
export const stranger = testKey(9)
export const issuer = testKey(200)

/** A clock that returns TEST_TIME until the test changes it. Its timers are real. */
export interface TestClock extends Clock {
  at: number
}

export interface CoordinatorParts {
  readonly name: string
  readonly database: Database
  readonly ledger: Ledger
  readonly access: Access
  readonly agents: Agents
  readonly certificates: Certificates
  readonly enrolment: Enrolment
  readonly outcomes: Outcomes
  readonly operations: Operations
  readonly log: RecordedLog
  /** The hosts whose rights changed, and the number of announced revocations. */
  readonly notified: { changed: AgentId[]; revoked: number }
}

export interface StartOptions {
  /** The name of the coordinator and of its log folder. Default: c1. */
  readonly name?: string
  readonly handlers?: Partial<VerbHandlers>
  /** Replaces the database, the log or the issuing key of the parts. */
  readonly database?: (database: Database) => Database
  readonly ledger?: (ledger: Ledger) => Ledger
  readonly random?: typeof systemRandom
  readonly closing?: AbortSignal
}

export interface TestCoordinator extends AsyncDisposable, CoordinatorParts {
  readonly clock: TestClock
  readonly folder: string
  /** The URL of the database. */
  readonly url: string
  start(options?: StartOptions): Promise<CoordinatorParts>
  /** Adds an approved host. */
  member(name: string, labels?: Record<string, string>, key?: NodeKey): Promise<AgentRecord>
  intent<V extends Verb>(verb: V, order: IntentOptions<V>): Promise<Signed>
  perform(
    signed: Signed,
    options?: { by?: NodeKey; at?: CoordinatorParts; context?: Partial<OperateContext> },
  ): ReturnType<Operations['perform']>
  /** Returns the log's entries with parsed statements. */
  entries(): Promise<{ entry: Entry; statement: Record<string, unknown> }[]>
  /** Returns every row of the tables that operations change, except for the log. */
  rows(): Promise<unknown>
}

export interface IntentOptions<V extends Verb> {
  readonly targets?: readonly string[]
  readonly arguments: ArgumentsOf<V>
  readonly by?: NodeKey
  readonly operation?: OperationId
  readonly changes?: Partial<Unsigned<'intent'>>
}

const newUuid = uuidv7Generator({ clock: systemClock, random: systemRandom })
export const newOperation = (): OperationId => operationId.parse(newUuid())

export async function testCoordinator(
  dialect: Dialect = 'sqlite',
  first: StartOptions = {},
): Promise<TestCoordinator> {
  await using stack = new AsyncDisposableStack()
  const place = await testPlace(dialect)
  stack.defer(() => place.remove())
  const folder = await mkdtemp(join(tmpdir(), 'muster-coordinator-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const clock: TestClock = { ...systemClock, at: TEST_TIME, now: () => clock.at }
  const database = await openDatabase({ clock }, { url: place.url, create: true })
  stack.defer(() => database.close())
  await migrate(database)
  const root = await signStatement(operator, 'root', {
    ...sampleBody('root', operator),
    operators: [
      { key: Buffer.from(operator.publicKey).toString('base64'), name: 'olive' },
      { key: Buffer.from(secondOperator.publicKey).toString('base64'), name: 'oscar' },
    ],
  })

  const start = async (options: StartOptions = {}): Promise<CoordinatorParts> => {
    const name = options.name ?? 'c1'
    const own = options.database?.(database) ?? database
    const random = options.random ?? systemRandom
    const opened = await openLedger(
      { clock, random, database: own, signer: issuer },
      { fleet: TEST_FLEET, coordinator: name, folder: join(folder, name) },
    )
    const ledger = options.ledger?.(opened) ?? opened
    const access = createAccess(
      { database: own },
      { fleet: TEST_FLEET, rootDigest: rootDigest(root.statement) },
    )
    const agents = createAgents({ database: own })
    const certificates = createCertificates(
      { issuer, clock, newId: newUuid },
      { fleet: TEST_FLEET },
    )
    const enrolment = createEnrolment(
      { database: own, ledger, agents, access, certificates, issuer, clock },
      { fleet: TEST_FLEET, name: 'test-coordinator' },
    )
    const outcomes = createOutcomes({ database: own, ledger, issuer, clock, fleet: TEST_FLEET })
    const log = recordedLog()
    const notified: CoordinatorParts['notified'] = { changed: [], revoked: 0 }
    const handlers: VerbHandlers = {
      ...(Object.fromEntries(
        Object.keys(VERBS).map((verb) => [verb, absent]),
      ) as unknown as VerbHandlers),
      ...enrolmentVerbs({
        agents,
        access,
        runs: createRuns({ database: own }),
        changed: (ids) => void notified.changed.push(...ids),
      }),
      ...grantVerbs({ access, revoked: () => (notified.revoked += 1) }),
      ...options.handlers,
    }
    const closing = options.closing === undefined ? {} : { closing: options.closing }
    const operations = createOperations({
      database: own,
      ledger,
      outcomes,
      handlers,
      clock,
      log,
      fleet: TEST_FLEET,
      access,
      agents,
      ...closing,
    })
    return {
      name,
      database: own,
      ledger,
      access,
      agents,
      certificates,
      enrolment,
      outcomes,
      operations,
      log,
      notified,
    }
  }

  const founding = await start()
  await database.transaction(async (tx) => {
    await founding.ledger.append(tx, { type: 'root', signed: root })
    await insertFirstRoot(tx, root, clock.now())
  })
  await founding.ledger.checkpoint()
  const parts = await start(first)
  // Owned by member(): each host has its own key.
  let members = 0
  const owned = stack.move()

  return {
    ...parts,
    clock,
    folder,
    url: place.url,
    start,
    async member(name, labels = {}, key = testKey(100 + members)) {
      members += 1
      const id = agentId.parse(newUuid())
      return database.transaction(async (tx) => {
        const host = {
          id,
          name,
          peerId: peerIdOfKey(key.publicKey),
          publicKey: key.publicKey,
          claims: {},
          version: '1',
        }
        await parts.agents.admit(tx, host, clock.now())
        await parts.agents.approve(tx, id, labels, clock.now())
        return (await parts.agents.byId(id, tx)) as AgentRecord
      })
    },
    intent: (verb, order) =>
      signStatement(order.by ?? operator, 'intent', {
        fleet: TEST_FLEET,
        operation: order.operation ?? newOperation(),
        actor: (order.by ?? operator).fingerprint,
        verb,
        namespace: VERBS[verb].namespace,
        targets: [...(order.targets ?? [])],
        arguments: order.arguments as JsonObject,
        issuedAt: rfc3339(clock.now()),
        expiresAt: rfc3339(clock.now() + 4 * 60_000),
        ...order.changes,
      }),
    perform: (signed, { by = operator, at = parts, context = {} } = {}) =>
      at.operations.perform(signed, {
        caller: by.fingerprint,
        signal: new AbortController().signal,
        progress: async () => undefined,
        upload: nothing(),
        values: [],
        ...context,
      }),
    async entries() {
      const entries = await Array.fromAsync(parts.ledger.entries(0))
      return entries.map(({ entry }) => ({
        entry,
        statement: JSON.parse(entry.statement) as Record<string, unknown>,
      }))
    },
    async rows() {
      const tables = [
        'agent',
        'enroll_token',
        'grant_record',
        'revocation_record',
        'root_record',
        'run_record',
        'snapshot',
        'blob',
        'open_intent',
      ] as const
      return Promise.all(
        tables.map(async (table) => [
          table,
          await database.query.selectFrom(table).selectAll().execute(),
        ]),
      )
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const absent: ActHandler<Verb> = {
  kind: 'act',
  act: () => Promise.reject(new Error('the test has no handler for this verb')),
  probe: () => Promise.reject(new Error('the test has no handler for this verb')),
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
