/**
 * Pulls the updates of hosts that the coordinator doesn't have. Each host has at most one pull at a
 * time.
 */
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
  /** Joins a pull of the same host. Failures are logged and stored, never thrown. */
  pull(agent: AgentRecord, signal: AbortSignal): Promise<void>
  isRunning(agent: AgentId): boolean
  /** Resolves when no pull is running. */
  idle(): Promise<void>
}

/** A pull that takes longer is cancelled. The next update starts another one. */
const PULL_MS = 60_000
/**
 * Pulls at once, of at most 32 MiB each. After a restart all hosts come back, and the database
 * stores one host at a time anyway.
 */
const PARALLEL_PULLS = 8

type PullResponse = ResponseOf<(typeof facts)['methods']['pull']>
/** The known position. The root lets the host check that both have the same set. */
type PullFrom = FactPosition & { readonly root?: string }

export function createFactPulls(deps: FactPullDeps): FactPulls {
  // Owned by pull(): each host's pull that is running or waiting.
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

/** A refusal is stored too: all views of the host's packages show it. */
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
    // The updates don't follow the known state, have a wrong root, or can't be read. The
    // coordinator asks once for the whole set.
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
    // Also after a refusal: an open stream would remain, and each host has only a few.
    await client.close().catch(() => undefined)
  }
}

/** Why a pulled update can't be applied. A gap is a refusal: all updates were requested. */
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
    reason: 'it was asked for all of them, and they do not follow each other',
  })
}
