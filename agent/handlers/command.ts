/**
 * The agent's side of `/muster/command/1`. A refusal is an outcome like any other: signed, so that
 * nobody can claim that this host refused, or did, what it did not. Of one operation there is one
 * outcome: it is written down before it is told, and told again to whoever asks again.
 */
import { outputRefusal } from '../../protocols/output/errors.ts'
import { commandRefusal } from '../../protocols/command/errors.ts'
import { createHash } from 'node:crypto'
import type { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { type Clock, parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import { createLanes } from '../../shared/concurrency/lanes.ts'
import { MusterError } from '../../shared/errors.ts'
import { type AgentId, type FleetId, type OperationId, runId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import type { Intent } from '../../shared/trust/intent.ts'
import { completeEpoch } from '../../shared/trust/revocations.ts'
import { readSigned, type Signed, signStatement } from '../../shared/trust/signed.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { type Acted, act } from '../commands/act.ts'
import { whatBecameOf } from '../commands/recover-outcome.ts'
import { commandError } from '../commands/errors.ts'
import type { Journal } from '../commands/journal.ts'
import { statusMessage } from '../commands/status.ts'
import { readOrder, type VerifiedOrder, type VerifyDeps, verifyOrder } from '../commands/verify.ts'

export interface CommandDeps extends VerifyDeps {
  readonly journal: Journal
  readonly runner: RunnerClient
  readonly key: Signer
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: FleetId
  readonly agent: AgentId
  /** Called when this host's disk did not take something. */
  readonly onStorageFailure?: () => void
}

/**
 * An order that a coordinator did not bring before it ended: nobody brings it any more, and its
 * values are gone.
 */
const NOT_ARRIVED = 'it was not delivered, and is not carried out any more; give the order again'

/** The answer then is no refusal: it may have been carried out, and it may not. */
const FORGOTTEN = 'it was too long ago: this host does not remember whether it ever came'

interface Concluded {
  readonly result: Acted['result'] | 'refused' | 'unknown'
  readonly detail: JsonObject
}

export function commandHandlers(deps: CommandDeps): Handlers<typeof command> {
  const { journal } = deps
  // Requests for one operation run one after another, so that each sees the outcome of the last.
  const lanes = createLanes<OperationId>({ name: 'the queue of requests for an operation' })

  const outcome = (
    signed: Signed,
    intent: Intent,
    { result, detail }: Concluded,
  ): Promise<Signed> =>
    signStatement(deps.key, 'outcome', {
      fleet: deps.fleet,
      operation: intent.operation,
      verb: intent.verb,
      target: deps.agent,
      result,
      // Anybody may draw another's operation id: what was refused or done is this statement and no
      // other.
      detail: { ...detail, intent: createHash('sha256').update(signed.statement).digest('hex') },
      at: rfc3339(deps.clock.now()),
    })

  /** The order was accepted: there is a row for it. */
  const conclude = async (
    signed: Signed,
    intent: Intent,
    concluded: Concluded,
  ): Promise<Signed> => {
    const said = await outcome(signed, intent, concluded)
    await journal.conclude(intent.operation, said)
    return said
  }
  const expiry = (intent: Intent): number => parseRfc3339(intent.expiresAt)
  /**
   * For good: whoever brings it again with a better proof does not get a second, different outcome.
   */
  const refuse = async (signed: Signed, intent: Intent, detail: JsonObject): Promise<Signed> => {
    const said = await outcome(signed, intent, { result: 'refused', detail })
    await journal.refuse(intent.operation, signed, expiry(intent), said)
    return said
  }
  const forgotten = (signed: Signed, intent: Intent): Promise<Signed> =>
    outcome(signed, intent, { result: 'unknown', detail: { error: FORGOTTEN } })

  const aftermath = async (signed: Signed, intent: Intent): Promise<Signed> =>
    conclude(signed, intent, await whatBecameOf(deps, readOrder(deps, intent)))

  const perform = async (request: PerformRequest, intent: Intent): Promise<Signed> => {
    const signed = request.intent
    let known: ReturnType<Journal['find']>
    let order: VerifiedOrder
    try {
      known = journal.find(intent.operation, signed)
      if (known?.outcome !== undefined) return known.outcome
      if (known === undefined && journal.mayHaveForgotten(expiry(intent)))
        return await forgotten(signed, intent)
      order = await verifyOrder(deps, request)
      await journal.accept(intent.operation, signed, expiry(intent))
    } catch (error) {
      if (!(error instanceof MusterError) || commandRefusal.is(error, 'command.position-moved'))
        throw error
      // Accepted before a crash, and by now it has expired: what counts is what was done then.
      if (known !== undefined) return aftermath(signed, intent)
      deps.log.warn(
        { operation: intent.operation, verb: intent.verb, code: error.code },
        'order refused',
      )
      if (isStorageFailure(error)) deps.onStorageFailure?.()
      const detail = { error: error.message, code: error.code }
      if (
        commandError.is(error, 'command.replayed') ||
        commandError.is(error, 'command.journal-full')
      )
        return outcome(signed, intent, { result: 'refused', detail })
      return refuse(signed, intent, detail)
    }
    // What fails from here on is no refusal: the order has no outcome until somebody finds out what
    // became of it.
    return conclude(signed, intent, await act(deps, order))
  }

  const probe = async (signed: Signed, intent: Intent): Promise<Signed> => {
    const known = journal.find(intent.operation, signed)
    if (known !== undefined) return known.outcome ?? aftermath(signed, intent)
    if (journal.mayHaveForgotten(expiry(intent))) return forgotten(signed, intent)
    return refuse(signed, intent, { error: NOT_ARRIVED })
  }

  return {
    position: async () => {
      const known = await deps.trust.log.known()
      const held = {
        size: known?.size ?? 0,
        root: known?.root ?? null,
        epoch: completeEpoch(deps.trust.revocations()),
      }
      return known === undefined ? held : { ...held, checkpoint: known.note }
    },

    async learn({ revocations }) {
      await deps.trust.learn({ revocations })
      return { epoch: completeEpoch(deps.trust.revocations()) }
    },

    async perform(request) {
      // Signature and form first: a refusal names the operation, and only a genuine intent has one.
      const intent = readSigned(request.intent, 'intent', { fleet: deps.fleet })
      return { outcome: await lanes.run(intent.operation, () => perform(request, intent)) }
    },

    async status({ runs }) {
      const known = []
      for (const run of runs) {
        try {
          known.push(statusMessage(await deps.runner.status(runId.parse(run))))
        } catch (error) {
          if (!outputRefusal.is(error, 'runner.unknown-run')) throw error
        }
      }
      return { runs: known }
    },

    async probe({ intent: signed }) {
      const intent = readSigned(signed, 'intent', { fleet: deps.fleet })
      return { outcome: await lanes.run(intent.operation, () => probe(signed, intent)) }
    },
  }
}
