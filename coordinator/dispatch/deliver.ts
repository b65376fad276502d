/** Sends one intent to one host and returns the result that the host signed. */
import { commandRefusal } from '../../protocols/command/errors.ts'
import type { command } from '../../protocols/command/protocol.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { defined } from '../../shared/defined.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { hostOutcomeError } from '../outcomes/errors.ts'
import { checkedOutcome } from '../outcomes/host-outcome.ts'
import { failed, type LoggedIntent, type TargetResult } from '../outcomes/result.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { dispatchError } from './errors.ts'
import { connectHost, type HostClientDeps } from './host-client.ts'
import { probeHost } from './probe-host.ts'
import { type ProveDeps, proveIntent } from './prove-intent.ts'

/**
 * The maximum number of attempts. A host's position in the log moves with each intent that another
 * caller sends at the same time.
 */
const MAX_ATTEMPTS = 16

export interface DeliverDeps extends HostClientDeps, ProveDeps {
  readonly log: Logger
  /** Aborts when the coordinator ends. After that, the coordinator asks no host. */
  readonly closing?: AbortSignal
}

export interface Delivery {
  readonly operation: LoggedIntent
  /** The values to which the intent commits. */
  readonly values: readonly Opening[]
}

/** @throws errors that prove that the host did not accept the intent */
export async function deliverToHost(
  deps: DeliverDeps,
  delivery: Delivery,
  agent: AgentRecord,
  signal: AbortSignal,
): Promise<TargetResult> {
  const { operation } = delivery
  const client = await connectHost(deps, agent, signal)
  const sending = new Sending(deps, { client, agent }, delivery)
  try {
    return checkedOutcome(deps, operation, agent, await sending.send(signal))
  } catch (error) {
    const proved = resultOf(error, agent, sending.mayBeTaken)
    if (proved !== undefined) return proved
    deps.log.warn(
      { host: agent.name, operation: operation.id, error },
      'a host did not respond to an intent; the coordinator asks for the outcome',
    )
  } finally {
    await client.close().catch(() => undefined)
  }
  // Uses no caller's signal: the log needs the outcome even if the caller has left.
  return probeHost(deps, operation, agent, deps.closing ?? new AbortController().signal)
}

interface Recipient {
  readonly client: Client<typeof command>
  readonly agent: AgentRecord
}

/** Sends an intent to a host, in several attempts if needed. */
class Sending {
  readonly #deps: DeliverDeps
  readonly #to: Recipient
  readonly #delivery: Delivery
  #mayBeTaken = false

  constructor(deps: DeliverDeps, to: Recipient, delivery: Delivery) {
    this.#deps = deps
    this.#to = to
    this.#delivery = delivery
  }

  /** True if the host may have accepted the intent. */
  get mayBeTaken(): boolean {
    return this.#mayBeTaken
  }

  /** Returns the outcome that the host signed. */
  async send(signal: AbortSignal): Promise<Signed> {
    const { operation, values: given } = this.#delivery
    const values = given.length === 0 ? undefined : [...given]
    for (let attempt = 1; ; attempt++) {
      const proven = await proveIntent(this.#deps, { ...this.#to, operation }, signal)
      try {
        this.#mayBeTaken = true
        const request = defined({ ...proven, values })
        return (await this.#to.client.call('perform', request, { signal })).outcome
      } catch (error) {
        // Another intent reached the host first and moved its position in the log. The next attempt
        // sends proofs from the new position.
        if (!commandRefusal.is(error, 'command.position-moved') || attempt === MAX_ATTEMPTS)
          throw error
        this.#mayBeTaken = false
      }
    }
  }
}

/**
 * Returns the result that follows from an error. Undefined if the coordinator must ask the host.
 * @throws an error if it proves that the host did not accept the intent
 */
function resultOf(
  error: unknown,
  agent: AgentRecord,
  mayBeTaken: boolean,
): TargetResult | undefined {
  // The host's disk failed before the host checked the intent.
  if (isStorageFailure(error))
    throw hostOutcomeError(
      'dispatch.host-disk',
      { host: agent.name, reason: error.message },
      { cause: error },
    )
  if (!mayBeTaken || isNotTaken(error)) throw error
  if (dispatchError.is(error) || hostOutcomeError.is(error))
    return { ...failed(agent.id, error), result: 'unknown' }
  return undefined
}

/** True for errors that a host returns before it reads the intent. */
const isNotTaken = (error: unknown): boolean =>
  wireError.is(
    error,
    'protocol.denied',
    'protocol.unsupported',
    'protocol.busy',
    'protocol.too-large',
  )
