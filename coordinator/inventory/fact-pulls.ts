/** Pulls missing updates from hosts. Each host has at most one pull at a time. */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import type { ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { createSemaphore } from '../../shared/concurrency/semaphore.ts'
import { defined } from '../../shared/defined.ts'
import { MusterError } from '../../shared/errors.ts'
import { shortReason } from '../../shared/facts/collection.ts'
import type { FactPosition } from '../../shared/facts/update.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { type Ingested, isRefusal, NO_FACTS } from './apply-facts.ts'
import type { FactStore } from './fact-store.ts'
import type { ReportedCollection } from './reported-collection.ts'
import { SetBuffer } from './set-buffer.ts'
import type { VerifiedFacts } from './verified-facts.ts'

export interface FactPullDeps {
  readonly store: FactStore
  readonly clock: Clock
  readonly log: Logger
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
  readonly verify: (signed: Signed) => VerifiedFacts
  readonly accept: (
    agent: AgentRecord,
    facts: VerifiedFacts,
    payload?: Uint8Array,
  ) => Promise<Ingested>
  readonly report: (agent: AgentRecord, reported: ReportedCollection) => Promise<void>
}

export interface FactPulls {
  /**
   * Pulls the missing updates, or joins the running pull of the host. Failures are logged and
   * stored, never thrown.
   */
  pull(agent: AgentRecord, signal: AbortSignal): Promise<void>
  isRunning(agent: AgentId): boolean
  /** Resolves when no pull is running. */
  idle(): Promise<void>
}

/**
 * The time limit of a pull. A pull that takes longer is cancelled, and the next update starts a new
 * one.
 */
const PULL_MS = 60_000
/**
 * The number of concurrent pulls, of at most 32 MiB each. After a restart all hosts reconnect. More
 * pulls would not be faster, because the database stores one host at a time.
 */
const PARALLEL_PULLS = 8

type PullResponse = ResponseOf<(typeof facts)['methods']['pull']>
/** The stored position. With the root, the host can check that both sides have the same set. */
type PullFrom = FactPosition & { readonly root?: string }

export function createFactPulls(deps: FactPullDeps): FactPulls {
  // Owned by pull(): the running or waiting pull of each host.
  const running = new Map<AgentId, Promise<void>>()
  const permits = createSemaphore(PARALLEL_PULLS)

  const start = async (agent: AgentRecord, signal: AbortSignal): Promise<void> => {
    try {
      const release = await permits.acquire(signal)
      try {
        await pullInTime(deps, agent, signal)
      } finally {
        release()
      }
    } catch (error) {
      await recordFailure(deps, agent, { error, isAborted: signal.aborted })
    } finally {
      running.delete(agent.id)
    }
  }

  return {
    pull(agent, signal) {
      const joined = running.get(agent.id)
      if (joined !== undefined) return joined
      const started = start(agent, signal)
      running.set(agent.id, started)
      return started
    },
    isRunning: (agent) => running.has(agent),
    idle: async () => {
      await Promise.all(running.values())
    },
  }
}

/** @throws protocol.timeout after {@link PULL_MS} */
async function pullInTime(
  deps: FactPullDeps,
  agent: AgentRecord,
  outer: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([outer, deps.clock.timeout(PULL_MS)])
  try {
    const state = await deps.store.state(agent.id)
    await pullFrom(deps, agent, state ?? NO_FACTS, signal)
  } catch (error) {
    if (!signal.aborted || outer.aborted) throw error
    throw wireError('protocol.timeout', { what: 'facts pull', ms: PULL_MS }, { cause: error })
  }
}

/**
 * Logs a failed pull. A refusal is also stored, and all responses about the host's packages show
 * it.
 */
async function recordFailure(
  { store, clock, log }: FactPullDeps,
  agent: AgentRecord,
  { error, isAborted }: { readonly error: unknown; readonly isAborted: boolean },
): Promise<void> {
  const host = agent.name
  if (isRefusal(error))
    await store.collections
      .refuse(agent.id, shortReason(error.message), clock.now())
      .catch((cause: unknown) =>
        log.warn({ host, error: cause }, 'the refusal of facts could not be stored'),
      )
  if (error instanceof MusterError || isAborted) log.warn({ host, error }, 'pull of facts failed')
  else log.error({ host, error }, 'pull of facts failed')
}

async function pullFrom(
  deps: FactPullDeps,
  agent: AgentRecord,
  from: PullFrom,
  signal: AbortSignal,
): Promise<void> {
  const { response, set } = await requestUpdates(deps, agent, from, signal)
  const { updates, ...reported } = response
  await deps.report(agent, reported)
  for (const signed of updates) {
    const verified = deps.verify(signed)
    const isFull = verified.statement.kind === 'full'
    const refusal = await refusalOf(agent, deps.accept(agent, verified, isFull ? set : undefined))
    if (refusal === undefined) continue
    // The updates don't follow the stored state, have a wrong root, or can't be read. The
    // coordinator then asks once for the whole set.
    if (isFull || (from.epoch === 0 && from.sequence === 0)) throw refusal
    return pullFrom(deps, agent, NO_FACTS, signal)
  }
}

async function requestUpdates(
  deps: FactPullDeps,
  agent: AgentRecord,
  { epoch, sequence, root }: PullFrom,
  signal: AbortSignal,
): Promise<{ readonly response: PullResponse; readonly set: Uint8Array | undefined }> {
  const stream = await deps.open(agent.peerId, facts.id, signal)
  const client = openClient(facts, stream, deps)
  const set = new SetBuffer(agent.name)
  try {
    const response = await client.call('pull', defined({ epoch, sequence, root }), {
      signal,
      onData: (part) => set.add(part),
    })
    return { response, set: set.join() }
  } finally {
    // Close the stream after a refusal too. A host accepts only a few open streams.
    await client.close().catch(() => undefined)
  }
}

/**
 * Returns the reason why a pulled update can't be applied. A gap is also a refusal, because all
 * updates were requested.
 */
async function refusalOf(
  agent: AgentRecord,
  accepted: Promise<Ingested>,
): Promise<MusterError | undefined> {
  try {
    const { result } = await accepted
    if (result !== 'gap') return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
  return factsRefusal('inventory.refused', {
    host: agent.name,
    reason: 'its updates do not follow each other, although all of them were requested',
  })
}
