/**
 * Stores the facts that hosts send. A statement counts only if its own host signed it. It is
 * applied only if it follows the known state and leads to the root that it names. Anything else is
 * a gap, and a pull from the host fills it.
 */
import { jsonError } from '../../shared/canonical-json.ts'
import { factsRefusal } from '../../protocols/facts/errors.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import type { ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { apply } from '../../shared/facts/apply.ts'
import { shortReason } from '../../shared/facts/collection.ts'
import { factsError } from '../../shared/facts/errors.ts'
import { MAX_SET_BYTES } from '../../shared/facts/package-set.ts'
import { type FactPosition, readUpdate } from '../../shared/facts/update.ts'
import type { AgentId, FleetId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import { lockRow } from '../database/lock-row.ts'
import { createLanes } from '../../shared/concurrency/lanes.ts'
import { createSemaphore } from '../../shared/concurrency/semaphore.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { inventoryError } from './errors.ts'
import type { FactStore } from './fact-store.ts'
import { type ReportedCollection, readReported } from './reported-collection.ts'
import { VerifiedFacts } from './verified-facts.ts'

export type Ingested =
  | { readonly result: 'applied' | 'known' }
  | { readonly result: 'gap'; readonly from: FactPosition }

export interface IngestDeps {
  readonly database: Database
  readonly store: FactStore
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
}

export interface Ingest {
  /** Checks a statement's signature and form, once for all that follows. @throws trust.* */
  verify(signed: Signed): VerifiedFacts
  /**
   * @param payload the bytes of the set if the statement is `full`.
   * @throws inventory.*, facts.*, trust.*
   */
  accept(agent: AgentRecord, facts: VerifiedFacts, payload?: Uint8Array): Promise<Ingested>
  /**
   * Pulls the updates that the host has beyond the known state. Joins a pull that is running.
   * Failures are logged: the next connection or update tries again.
   */
  pull(agent: AgentRecord, signal: AbortSignal): Promise<void>
  /**
   * Records how the host's newest collection of its packages went, if it reports that. The signed
   * form counts where there is one. @throws trust.*, inventory.*
   */
  reportCollection(agent: AgentRecord, reported: ReportedCollection): Promise<void>
  /** Applies an update from gossip, or pulls the missing ones. */
  acceptGossip(facts: VerifiedFacts, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** A pull that takes longer is cancelled. The next update starts another one. */
const PULL_MS = 60_000
/**
 * Pulls at once, of at most 32 MiB each. After a restart all hosts come back, and the database
 * stores one host at a time anyway.
 */
const PARALLEL_PULLS = 8

export function createIngest(deps: IngestDeps, options: { fleet: FleetId }): Ingest {
  // Two updates of one host must not read the state before either has written it.
  const lanes = createLanes<AgentId>({ name: 'the queue of fact updates of a host' })
  // Owned by pull(): each host's pull that is running or waiting.
  const pulls = new Map<AgentId, Promise<void>>()
  const permits = createSemaphore(PARALLEL_PULLS)

  const verify = (signed: Signed): VerifiedFacts => VerifiedFacts.read(signed, options.fleet)

  const accept = async (
    agent: AgentRecord,
    { statement, key }: VerifiedFacts,
    payload?: Uint8Array,
  ): Promise<Ingested> => {
    if (statement.agent !== agent.id || !Buffer.from(key).equals(agent.publicKey))
      throw inventoryError('inventory.not-theirs', { host: agent.name })
    // Gossip announces a full set without the set, because gossip must not carry megabytes.
    if (statement.kind === 'full' && payload === undefined) {
      const state = await deps.store.state(agent.id)
      if (
        state !== undefined &&
        state.epoch === statement.epoch &&
        state.sequence >= statement.sequence
      )
        return { result: 'known' }
      return { result: 'gap', from: state ?? { epoch: 0, sequence: 0 } }
    }
    const update = readUpdate(statement, payload)
    return lanes.run(agent.id, () =>
      deps.database.transaction(async (tx): Promise<Ingested> => {
        // If two coordinators store updates of one host, the second one sees the result of the
        // first.
        await lockRow(
          deps.database.dialect,
          tx.selectFrom('agent').select('id').where('id', '=', agent.id),
        ).execute()
        const before = await deps.store.state(agent.id, tx)
        const applied = apply(before, update, { now: deps.clock.now() })
        if (applied.result === 'refused')
          throw factsRefusal('inventory.refused', { host: agent.name, reason: applied.reason })
        if (applied.result === 'gap') return { result: 'gap', from: applied.from }
        if (applied.result === 'known') return { result: 'known' }
        const { state: after, events } = applied
        await deps.store.save(tx, agent.id, { before, after, events })
        await deps.store.collections.clearRefusal(tx, agent.id)
        return { result: 'applied' }
      }),
    )
  }

  const reportCollection: Ingest['reportCollection'] = async (agent, reported) => {
    const collection = readReported(agent, reported, options.fleet)
    if (collection === undefined) return
    await deps.store.collections.report(agent.id, collection, deps.clock.now())
  }

  const pullFrom = async (
    agent: AgentRecord,
    from: FactPosition & { readonly root?: string },
    signal: AbortSignal,
  ): Promise<void> => {
    const client = openClient(facts, await deps.open(agent.peerId, facts.id, signal), deps)
    const parts: Uint8Array[] = []
    let bytes = 0
    const onData = (part: Uint8Array): void => {
      bytes += part.length
      if (bytes > MAX_SET_BYTES)
        throw factsRefusal('inventory.refused', {
          host: agent.name,
          reason: `the set is larger than ${MAX_SET_BYTES} bytes`,
        })
      parts.push(part.slice())
    }
    const request = {
      epoch: from.epoch,
      sequence: from.sequence,
      ...(from.root === undefined ? {} : { root: from.root }),
    }
    let answer: ResponseOf<(typeof facts)['methods']['pull']>
    try {
      answer = await client.call('pull', request, { signal, onData })
    } finally {
      // Also after a refusal: an open stream would remain, and each host has only a few.
      await client.close().catch(() => undefined)
    }
    const set = bytes > 0 ? Buffer.concat(parts) : undefined
    const { updates, ...reported } = answer
    await reportCollection(agent, reported)
    for (const signed of updates) {
      const verified = verify(signed)
      const isFull = verified.statement.kind === 'full'
      const refusal = await accept(agent, verified, isFull ? set : undefined).then(
        ({ result }) =>
          result === 'gap'
            ? factsRefusal('inventory.refused', {
                host: agent.name,
                reason: 'it was asked for all of them, and they do not follow each other',
              })
            : undefined,
        (error: unknown) => {
          if (!isRefusal(error)) throw error
          return error
        },
      )
      if (refusal === undefined) continue
      // The updates don't follow the known state, have a wrong root, or can't be read. The
      // coordinator asks once for the whole set.
      if (isFull || (from.epoch === 0 && from.sequence === 0)) throw refusal
      return pullFrom(agent, { epoch: 0, sequence: 0 }, signal)
    }
  }

  /** The host's facts can't be accepted. All views of its packages show that. */
  const refused = async (agent: AgentRecord, refusal: MusterError): Promise<void> => {
    const reason = shortReason(refusal.message)
    await deps.store.collections
      .refuse(agent.id, reason, deps.clock.now())
      .catch((error: unknown) =>
        deps.log.warn({ host: agent.name, error }, 'the refusal of facts could not be stored'),
      )
  }

  const pull = (agent: AgentRecord, outer: AbortSignal): Promise<void> => {
    const joined = pulls.get(agent.id)
    if (joined) return joined
    const running = (async () => {
      const release = await permits.acquire(outer)
      const signal = AbortSignal.any([outer, deps.clock.timeout(PULL_MS)])
      try {
        const state = await deps.store.state(agent.id)
        await pullFrom(agent, state ?? { epoch: 0, sequence: 0 }, signal)
      } catch (error) {
        throw signal.aborted && !outer.aborted
          ? wireError('protocol.timeout', { what: 'facts pull', ms: PULL_MS }, { cause: error })
          : error
      } finally {
        release()
      }
    })()
      .catch(async (error: unknown) => {
        if (isRefusal(error)) await refused(agent, error)
        if (!(error instanceof MusterError) && !outer.aborted)
          deps.log.error({ host: agent.name, error }, 'pull of facts failed')
        else deps.log.warn({ host: agent.name, error }, 'pull of facts failed')
      })
      .finally(() => pulls.delete(agent.id))
    pulls.set(agent.id, running)
    return running
  }

  return {
    verify,
    accept,
    pull,
    reportCollection,
    async acceptGossip(verified, signal) {
      const agent = await deps.agents.byId(verified.statement.agent)
      if (agent?.status !== 'approved') return
      // An update that can't be applied is treated as a missing one. The pull names the set that is
      // known here, and the host begins a new epoch if it can't continue from there.
      const missing = (): Promise<boolean> =>
        accept(agent, verified).then(
          ({ result }) => result === 'gap',
          (error: unknown) => {
            if (!isRefusal(error)) throw error
            deps.log.warn(
              { host: agent.name, error },
              'an update of facts was refused; pulling from the host',
            )
            return true
          },
        )
      if (!(await missing())) return
      const joined = pulls.has(agent.id)
      await pull(agent, signal)
      // The host may have answered the running pull before it had this update, and gossip doesn't
      // repeat it.
      if (joined && (await missing())) await pull(agent, signal)
    },
    async close() {
      await Promise.all([...pulls.values(), lanes.idle()])
    },
  }
}

/** The host's statement is wrong, not this coordinator or the connection. */
function isRefusal(error: unknown): error is MusterError {
  return (
    factsRefusal.is(error, 'inventory.refused') ||
    factsError.is(error, 'facts.malformed') ||
    jsonError.is(error, 'json.not-canonical')
  )
}
