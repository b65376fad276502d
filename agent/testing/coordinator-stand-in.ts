/**
 * A coordinator for tests of an agent's commands. It has a root with one operator and one issuing
 * key, and a log in memory with real entries, checkpoints and proofs. It accepts every intent, even
 * if a real coordinator rejects it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openTrustState, type TrustState } from '../../node/membership/trust-state.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { type Checkpoint, signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { encodeEntry, type EntryType } from '../../shared/audit/entry.ts'
import { type NodeReader, proveConsistency, proveInclusion } from '../../shared/audit/proof.ts'
import { joinSubtrees, leafHash, perfectRoot, subtrees } from '../../shared/audit/tree.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { NodeKey } from '../../shared/identity/signer.ts'
import type { OperationId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import {
  minutesLater,
  signedSample,
  TEST_AGENT,
  TEST_FLEET,
  TEST_TIME,
  testKey,
  testUuid,
} from '../../shared/testing/statements.ts'
import { commitmentOf, type Opening } from '../../shared/trust/commitment.ts'
import type { Intent } from '../../shared/trust/intent.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'

export const operator = testKey(1)
export const delegate = testKey(2)
export const stranger = testKey(9)
/** The issuing key of signedSample('root'). */
export const issuer = testKey(200)
export const hostKey = testKey(204)
export const LABELS = { role: 'web', site: 'b' }
export const OTHER_AGENT = '4f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e11'

export const root: Signed = await signedSample('root', operator)

/** A clock that stops at TEST_TIME until the test moves it. Durations are real. */
export interface TestClock extends Clock {
  at: number
}

export function testClock(): TestClock {
  const clock: TestClock = { ...systemClock, at: TEST_TIME, now: () => clock.at }
  return clock
}

export interface TestLog {
  readonly size: number
  append(type: EntryType, signed: Signed, operation?: string | null): number
  entry(index: number): Uint8Array
  checkpoint(
    size?: number,
    options?: { signer?: NodeKey; fleet?: typeof TEST_FLEET; at?: number },
  ): Promise<Checkpoint>
  inclusion(index: number, size?: number): Promise<Uint8Array[]>
  consistency(from: number, to?: number): Promise<Uint8Array[]>
}

/** Returns a log that begins with the root. */
export function testLog(): TestLog {
  const entries: Uint8Array[] = []
  const leaves: Uint8Array[] = []
  const read: NodeReader = async (nodes) =>
    nodes.map(({ level, index }) =>
      perfectRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
    )
  const log: TestLog = {
    get size() {
      return leaves.length
    },
    append(type, signed, operation = null) {
      const bytes = encodeEntry({
        type,
        at: TEST_TIME,
        operation: operation as OperationId | null,
        coordinator: 'c1',
        signed,
      })
      entries.push(bytes)
      return leaves.push(leafHash(bytes)) - 1
    },
    entry: (index) => entries[index] as Uint8Array,
    async checkpoint(
      size = leaves.length,
      { signer = issuer, fleet = TEST_FLEET, at = TEST_TIME } = {},
    ) {
      return signCheckpoint(signer, fleet, {
        size,
        root: joinSubtrees(await read(subtrees(0, size))),
        at,
      })
    },
    inclusion: async (index, size = leaves.length) => [
      ...(await proveInclusion(index, size, read)).hashes,
    ],
    consistency: async (from, to = leaves.length) =>
      from === 0 ? [] : [...(await proveConsistency(from, to, read)).hashes],
  }
  log.append('root', root)
  return log
}

export const startArguments = (
  run: string,
  command: readonly string[] = ['true'],
  values: readonly Opening[] = [],
) => ({
  runs: { [TEST_AGENT]: run },
  command: [...command],
  env: Object.fromEntries(values.map((one) => [one.name, commitmentOf(one)])),
  limits: { outputBytes: 1024 * 1024 },
})

/**
 * Returns an intent to start a run on the agent. `n` is the number of the operation and the run.
 */
export function startIntent(
  n: number,
  changes: Partial<Intent> = {},
  signer: NodeKey = operator,
): Promise<Signed> {
  return signedSample('intent', signer, {
    operation: operationOf(n),
    arguments: startArguments(runOf(n)),
    ...changes,
  })
}

export function stopIntent(n: number, run: string, graceMs: number): Promise<Signed> {
  return signedSample('intent', operator, {
    operation: operationOf(n),
    verb: 'run.stop',
    arguments: { run, graceMs },
  })
}

export const operationOf = (n: number): OperationId =>
  `01990000-0000-7000-8000-${n.toString(16).padStart(12, '0')}` as OperationId
export const runOf = (n: number): string =>
  `01990000-0000-7000-8000-1${n.toString(16).padStart(11, '0')}`

/** Returns a grant to the delegate for hosts with the role web. */
export function webGrant(
  changes: Parameters<typeof signedSample<'grant'>>[2] = {},
  signer: NodeKey = operator,
): Promise<Signed> {
  return signedSample('grant', signer, {
    id: testUuid(70),
    subject: delegate.fingerprint,
    level: 'control',
    selector: { labels: { role: 'web' } },
    notBefore: minutesLater(-60),
    ...changes,
  })
}

/**
 * Logs the intent. Returns the request that a coordinator sends to a host with the log up to
 * `from`.
 */
export async function requestFor(
  log: TestLog,
  intent: Signed,
  options: { from?: number; grants?: Signed[]; revocations?: Signed[]; values?: Opening[] } = {},
): Promise<PerformRequest> {
  const index = log.append(
    'intent',
    intent,
    (JSON.parse(Buffer.from(intent.statement).toString()) as Intent).operation,
  )
  const from = options.from ?? 0
  return {
    intent,
    entry: log.entry(index),
    index,
    inclusion: await log.inclusion(index),
    checkpoint: (await log.checkpoint()).note,
    consistency: await log.consistency(from),
    consistentFrom: from,
    roots: [[root]],
    grants: options.grants ?? [],
    revocations: options.revocations ?? [],
    ...(options.values === undefined ? {} : { values: options.values }),
  }
}

/**
 * Opens the trust state of a host that has joined, in a separate folder. `again` opens it as after
 * a restart.
 */
export async function joinedTrust(
  t: TestContext,
): Promise<{ trust: TrustState; again(): Promise<TrustState> }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-host-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const again = () =>
    openTrustState(
      { random: systemRandom },
      { folder, fleet: TEST_FLEET, rootDigest: rootDigest(root.statement), roots: [[root]] },
    )
  return { trust: await again(), again }
}
