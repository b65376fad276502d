/**
 * Brings an operation to its hosts with everything that they need to check it, and brings back the
 * outcome that each one signed. What a host did is only ever said by that host: without its signed
 * outcome the result is `failed` where it was never reached, and `unknown` where it may have been.
 */
import { wireError } from '../../protocols/wire/errors.ts'
import { commandRefusal } from '../../protocols/command/errors.ts'
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import { MAX_REVOCATION_BYTES, MAX_REVOCATIONS } from '../../protocols/command/messages.ts'
import { command } from '../../protocols/command/protocol.ts'
import { VERBS } from '../../protocols/control/verbs.ts'
import type { RequestOf } from '../../protocols/rpc/define-protocol.ts'
import { countFitting } from '../../protocols/statement.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import { concurrently } from '../../shared/concurrency/concurrently.ts'
import { MusterError } from '../../shared/errors.ts'
import { agentId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import { isOwnTrouble } from '../database/own-trouble.ts'
import { hostOutcomeError, outcomeError } from '../outcomes/errors.ts'
import { checkedOutcome } from '../outcomes/host-outcome.ts'
import { failed, type LoggedIntent, type TargetResult } from '../outcomes/result.ts'
import type { Access } from '../registry/access.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { dispatchError } from './errors.ts'

/** Hosts that are spoken to at once: more would only queue in the event loop. */
const PARALLEL_HOSTS = 32
/**
 * After a restart, hosts come back within seconds; one that has not answered by then is asked no
 * further.
 */
const PROBE_MS = 30_000
/** Between two looks at whether the host is back. */
const AGAIN_MS = 500
/** A host's position moves once for each order that others bring at the same moment. */
const PRESENT_ATTEMPTS = 16
/** Checkpoints that need not be looked at again: hosts that follow the log hold the same few. */
const SOUND_NOTES = 64
/**
 * Answers that come before an order is looked at. After any other failure only the host knows
 * whether it acted.
 */
const isNotTaken = (error: unknown): boolean =>
  wireError.is(
    error,
    'protocol.denied',
    'protocol.unsupported',
    'protocol.busy',
    'protocol.too-large',
  )

export interface DispatchDeps {
  readonly ledger: Ledger
  readonly access: Access
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
  /**
   * Opens a protocol towards a connected node. Rejects with an `unreachable` error where it is not
   * connected.
   */
  readonly open: (peerId: string, protocolId: string, signal: AbortSignal) => Promise<Duplex>
  /** Addresses of the machines that run as this host, where it was noticed that they are two. */
  readonly copies?: (peerId: string) => readonly string[] | undefined
  /** Aborts when the coordinator ends: nobody is asked any more then. */
  readonly closing?: AbortSignal
}

export interface Dispatch {
  /** Brings the operation to each of its targets, with the values that its intent commits to. */
  deliver(
    operation: LoggedIntent,
    values: readonly Opening[],
    signal: AbortSignal,
  ): Promise<TargetResult[]>
  /**
   * Asks each target for the outcome that it signed. A target that the order has not reached
   * refuses it from then on.
   */
  probe(operation: LoggedIntent, signal: AbortSignal): Promise<TargetResult[]>
  /**
   * Compares the log with the checkpoint that the host holds. @throws ledger.rolled-back,
   * ledger.forked: the log is frozen from then on
   */
  witness(agent: AgentRecord, signal: AbortSignal): Promise<void>
  /** A client of the host's command protocol. @throws dispatch.offline, dispatch.copied */
  connect(agent: AgentRecord, signal: AbortSignal): Promise<Client<typeof command>>
}

export function createDispatch(deps: DispatchDeps): Dispatch {
  // Owned by compare(): notes that fit the log.
  const sound = new Set<string>()

  const connect = async (
    agent: AgentRecord,
    signal: AbortSignal,
  ): Promise<Client<typeof command>> => {
    const addresses = deps.copies?.(agent.peerId)
    // Which of the two would get it is chance, and the other one would deny it with the same
    // signature.
    if (addresses !== undefined)
      throw dispatchError('dispatch.copied', { host: agent.name, addresses })
    try {
      return openClient(command, await deps.open(agent.peerId, command.id, signal), deps)
    } catch (cause) {
      signal.throwIfAborted()
      throw dispatchError('dispatch.offline', { host: agent.name }, { cause })
    }
  }

  /**
   * @param lost what a target is whose job fails: `failed` while it cannot have been reached,
   * `unknown` where it may have been
   */
  const each = (
    operation: LoggedIntent,
    lost: 'failed' | 'unknown',
    job: (agent: AgentRecord) => Promise<TargetResult>,
  ): Promise<TargetResult[]> =>
    concurrently(operation.targets, PARALLEL_HOSTS, async (target) => {
      // One host's trouble is not the others': what they said must get into the log.
      try {
        const agent = await deps.agents.byId(agentId.parse(target))
        if (agent === undefined) throw dispatchError('dispatch.offline', { host: target })
        // Since the intent was logged: its connection may last a moment longer, and it must not be
        // given anything to do in that.
        if (agent.status === 'revoked')
          throw dispatchError('dispatch.revoked', { host: agent.name })
        return await job(agent)
      } catch (error) {
        if (!(error instanceof MusterError))
          deps.log.error(
            { host: target, operation: operation.id, error },
            'order could not be brought',
          )
        const known =
          error instanceof MusterError
            ? error
            : outcomeError('operation.failed', { verb: operation.verb, target })
        return { ...failed(target, known), result: lost }
      }
    })

  const deliverTo = async (
    operation: LoggedIntent,
    values: readonly Opening[],
    agent: AgentRecord,
    signal: AbortSignal,
  ): Promise<TargetResult> => {
    const client = await connect(agent, signal)
    const brought = { order: false }
    try {
      return checkedOutcome(
        deps,
        operation,
        agent,
        await bring(client, { operation, values }, agent, brought, signal),
      )
    } catch (error) {
      // The host's own disk, before it looked at the order.
      if (isStorageFailure(error))
        throw hostOutcomeError(
          'dispatch.host-disk',
          { host: agent.name, reason: (error as MusterError).message },
          { cause: error },
        )
      // Thrown is only what says that the host has not taken the order.
      if (!brought.order || isNotTaken(error)) throw error
      if (dispatchError.is(error) || hostOutcomeError.is(error))
        return { ...failed(agent.id, error), result: 'unknown' }
      deps.log.warn(
        { host: agent.name, operation: operation.id, error },
        'order was not answered; asking the host what became of it',
      )
    } finally {
      await client.close().catch(() => undefined)
    }
    // Not with the caller's signal: whoever gave the order may have gone, and its outcome belongs
    // into the log all the same.
    return probeOne(operation, agent, deps.closing ?? new AbortController().signal)
  }

  const bring = async (
    client: Client<typeof command>,
    { operation, values }: { operation: LoggedIntent; values: readonly Opening[] },
    agent: AgentRecord,
    brought: { order: boolean },
    signal: AbortSignal,
  ): Promise<Signed> => {
    for (let attempt = 1; ; attempt++) {
      const request = {
        ...(await order(client, operation, agent, signal)),
        ...(values.length === 0 ? {} : { values: [...values] }),
      }
      try {
        brought.order = true
        return (await client.call('perform', request, { signal })).outcome
      } catch (error) {
        // Another order reached the host first and moved its position in the log: prove again from
        // there.
        if (!commandRefusal.is(error, 'command.position-moved') || attempt === PRESENT_ATTEMPTS)
          throw error
        brought.order = false
      }
    }
  }

  /**
   * A host that has seen entries which this log has not, or other ones, shows that it was rolled
   * back or replaced: then it is frozen (AL-04).
   */
  const compare = async (
    agent: AgentRecord,
    { checkpoint: note }: { readonly checkpoint?: string | undefined },
  ): Promise<void> => {
    if (note === undefined || sound.has(note)) return
    try {
      await deps.ledger.compareCheckpoint(note)
    } catch (error) {
      // A disk that is full or a database that is away says nothing about the checkpoint.
      if (isOwnTrouble(error))
        deps.log.warn({ host: agent.name, error }, 'the checkpoint of a host was not compared')
      else
        deps.log.error(
          { host: agent.name, error },
          'the checkpoint that a host holds does not fit this log',
        )
      throw error
    }
    const oldest = sound.size >= SOUND_NOTES ? sound.values().next().value : undefined
    if (oldest !== undefined) sound.delete(oldest)
    sound.add(note)
  }

  /** The order with all that this host needs to check it. */
  const order = async (
    client: Client<typeof command>,
    operation: LoggedIntent,
    agent: AgentRecord,
    signal: AbortSignal,
  ): Promise<RequestOf<(typeof command)['methods']['perform']>> => {
    const position = await client.call('position', {}, { signal })
    await compare(agent, position)
    const published = deps.ledger.published()
    const covers =
      published !== undefined && published.size > operation.index && published.size >= position.size
    const checkpoint = covers ? published : await deps.ledger.checkpoint(signal)
    if (checkpoint.size < position.size)
      throw dispatchError('dispatch.log-behind', {
        host: agent.name,
        seen: position.size,
        size: checkpoint.size,
      })
    const ask = {
      actor: operation.actor,
      namespace: VERBS[operation.verb].namespace,
      level: 'control',
      at: deps.clock.now(),
    } as const
    const evidence = await deps.access.evidence(
      { ...ask, target: { agent: agent.id, labels: agent.labels } },
      position.epoch,
    )
    const revocations = [...evidence.revocations]
    for (;;) {
      const count = countFitting(revocations, {
        most: MAX_REVOCATIONS,
        bytes: MAX_REVOCATION_BYTES,
      })
      if (count === revocations.length) break
      await client.call('learn', { revocations: revocations.splice(0, count) }, { signal })
    }
    return {
      intent: operation.signed,
      entry: await entryBytes(deps.ledger, operation.index),
      index: operation.index,
      inclusion: [...(await deps.ledger.prove(operation.index, checkpoint.size)).hashes],
      checkpoint: checkpoint.note,
      consistency:
        position.size === 0
          ? []
          : [...(await deps.ledger.consistency(position.size, checkpoint.size)).hashes],
      consistentFrom: position.size,
      roots: evidence.roots.map((versions) => [...versions]),
      grants: [...evidence.grants],
      revocations,
    }
  }

  /**
   * Never rejects: whatever keeps the host from answering, the coordinator's own end included,
   * nothing is known then.
   */
  const probeOne = async (
    operation: LoggedIntent,
    agent: AgentRecord,
    outer: AbortSignal,
  ): Promise<TargetResult> => {
    const signal = AbortSignal.any([outer, deps.clock.timeout(PROBE_MS)])
    try {
      const client = await connectSoon(agent, signal)
      try {
        return checkedOutcome(
          deps,
          operation,
          agent,
          (await client.call('probe', { intent: operation.signed }, { signal })).outcome,
        )
      } finally {
        await client.close().catch(() => undefined)
      }
    } catch (error) {
      const known =
        error instanceof MusterError && !signal.aborted
          ? error
          : dispatchError('dispatch.offline', { host: agent.name }, { cause: error })
      return { ...failed(agent.id, known), result: 'unknown' }
    }
  }

  /** Waits for a host that is on its way back. */
  const connectSoon = async (
    agent: AgentRecord,
    signal: AbortSignal,
  ): Promise<Client<typeof command>> => {
    for (;;) {
      try {
        return await connect(agent, signal)
      } catch (error) {
        if (!dispatchError.is(error, 'dispatch.offline')) throw error
        await deps.clock.sleep(AGAIN_MS, signal)
      }
    }
  }

  return {
    connect,
    async witness(agent, signal) {
      const client = await connect(agent, signal)
      try {
        await compare(agent, await client.call('position', {}, { signal }))
      } finally {
        await client.close().catch(() => undefined)
      }
    },
    deliver: (operation, values, signal) =>
      each(operation, 'failed', (agent) => deliverTo(operation, values, agent, signal)),
    probe: (operation, signal) =>
      each(operation, 'unknown', (agent) => probeOne(operation, agent, signal)),
  }
}

async function entryBytes(ledger: Ledger, index: number): Promise<Uint8Array> {
  for await (const { bytes } of ledger.entries(index, index + 1)) return bytes
  throw new Error(`the log has no entry ${index}`)
}
