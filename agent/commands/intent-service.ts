/**
 * Carries out intents and returns their outcomes. Each intent has one signed outcome. The agent
 * writes it to the journal before it sends it. Every later request for the intent gets the same
 * outcome.
 */
import { createHash } from 'node:crypto'
import { commandRefusal } from '../../protocols/command/errors.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import { createLanes } from '../../shared/concurrency/lanes.ts'
import { MusterError } from '../../shared/errors.ts'
import type { OperationId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import type { Intent } from '../../shared/trust/intent.ts'
import { readSigned, type Signed, signStatement } from '../../shared/trust/signed.ts'
import type { RunnerClient } from '../runner/socket/client.ts'
import { type Acted, act } from './act.ts'
import { commandError } from './errors.ts'
import type { Journal } from './journal.ts'
import { recoverOutcome } from './recover-outcome.ts'
import { parseRunIntent, type VerifiedIntent, type VerifyDeps, verifyIntent } from './verify.ts'

export interface IntentDeps extends VerifyDeps {
  readonly journal: Journal
  readonly runner: RunnerClient
  readonly key: Signer
  readonly log: Logger
  /** Called when a write to this host's disk failed. */
  readonly onStorageFailure?: () => void
}

export interface IntentService {
  /** @throws trust.*, command.position-moved, runner.unreachable */
  perform(request: PerformRequest): Promise<Signed>
  /**
   * Returns the outcome of an intent. If the intent never arrived, the agent refuses it from now
   * on.
   */
  probe(intent: Signed): Promise<Signed>
}

/** The coordinator with the intent ended. Only it had the values, so they are lost. */
const NOT_DELIVERED = 'it was not delivered, and will not be carried out; repeat the command'

/** The result is not a refusal, because the intent may have been carried out. */
const FORGOTTEN = 'it was too long ago: this host no longer knows whether it received the intent'

interface Concluded {
  readonly result: Acted['result'] | 'refused' | 'unknown'
  readonly detail: JsonObject
}

/** An intent and its signed statement. */
interface Received {
  readonly signed: Signed
  readonly intent: Intent
}

export function createIntentService(deps: IntentDeps): IntentService {
  // Requests for one operation run one after another, so that each sees the previous outcome.
  const lanes = createLanes<OperationId>({ name: 'the queue of requests for an operation' })
  // Checks signature and form first. A refusal contains the operation, and only a genuine intent
  // has one.
  const receive = (signed: Signed): Received => ({
    signed,
    intent: readSigned(signed, 'intent', { fleet: deps.fleet }),
  })
  return {
    async perform(request) {
      const received = receive(request.intent)
      return lanes.run(received.intent.operation, () => perform(deps, received, request))
    },
    async probe(signed) {
      const received = receive(signed)
      return lanes.run(received.intent.operation, () => probe(deps, received))
    },
  }
}

async function perform(
  deps: IntentDeps,
  received: Received,
  request: PerformRequest,
): Promise<Signed> {
  const accepted = await accept(deps, received, request)
  if ('outcome' in accepted) return accepted.outcome
  // From here on, an error is not a refusal. The intent has no outcome until it is recovered.
  return conclude(deps, received, await act(deps, accepted.verified))
}

/** Verifies and records an intent. Returns an outcome if the agent must not act on the intent. */
async function accept(
  deps: IntentDeps,
  received: Received,
  request: PerformRequest,
): Promise<{ readonly outcome: Signed } | { readonly verified: VerifiedIntent }> {
  const { journal } = deps
  const { signed, intent } = received
  let known: ReturnType<Journal['find']>
  try {
    known = journal.find(intent.operation, signed)
    if (known?.outcome !== undefined) return { outcome: known.outcome }
    if (known === undefined && journal.mayHaveForgotten(expiryOf(intent)))
      return { outcome: await forgotten(deps, received) }
    const verified = await verifyIntent(deps, request)
    await journal.accept(intent.operation, signed, expiryOf(intent))
    return { verified }
  } catch (error) {
    if (!(error instanceof MusterError) || commandRefusal.is(error, 'command.position-moved'))
      throw error
    // The intent was accepted before a crash and has expired since. Its outcome shows what was
    // done.
    if (known !== undefined) return { outcome: await recover(deps, received) }
    return { outcome: await refuse(deps, received, error) }
  }
}

async function probe(deps: IntentDeps, received: Received): Promise<Signed> {
  const { journal } = deps
  const { signed, intent } = received
  const known = journal.find(intent.operation, signed)
  if (known !== undefined) return known.outcome ?? recover(deps, received)
  if (journal.mayHaveForgotten(expiryOf(intent))) return forgotten(deps, received)
  return recordRefusal(deps, received, { error: NOT_DELIVERED })
}

async function refuse(deps: IntentDeps, received: Received, error: MusterError): Promise<Signed> {
  const { operation, verb } = received.intent
  deps.log.warn({ operation, verb, code: error.code }, 'intent refused')
  if (isStorageFailure(error)) deps.onStorageFailure?.()
  const detail = { error: error.message, code: error.code }
  // The journal has another intent with this operation id, or the journal is full.
  if (commandError.is(error, 'command.replayed', 'command.journal-full'))
    return signOutcome(deps, received, { result: 'refused', detail })
  return recordRefusal(deps, received, detail)
}

/**
 * Signs and keeps a refusal. It is final: the intent has the same outcome if it is sent again with
 * a better proof.
 */
async function recordRefusal(
  deps: IntentDeps,
  received: Received,
  detail: JsonObject,
): Promise<Signed> {
  const { signed, intent } = received
  const outcome = await signOutcome(deps, received, { result: 'refused', detail })
  await deps.journal.refuse(intent.operation, signed, expiryOf(intent), outcome)
  return outcome
}

async function recover(deps: IntentDeps, received: Received): Promise<Signed> {
  const asked = parseRunIntent(deps, received.intent)
  return conclude(deps, received, await recoverOutcome(deps, asked))
}

/** Signs the outcome of an accepted intent, and keeps it in the journal. */
async function conclude(deps: IntentDeps, received: Received, acted: Acted): Promise<Signed> {
  const outcome = await signOutcome(deps, received, acted)
  await deps.journal.conclude(received.intent.operation, outcome)
  return outcome
}

function forgotten(deps: IntentDeps, received: Received): Promise<Signed> {
  return signOutcome(deps, received, { result: 'unknown', detail: { error: FORGOTTEN } })
}

function signOutcome(
  deps: IntentDeps,
  { signed, intent }: Received,
  { result, detail }: Concluded,
): Promise<Signed> {
  return signStatement(deps.key, 'outcome', {
    fleet: deps.fleet,
    operation: intent.operation,
    verb: intent.verb,
    target: deps.agent,
    result,
    // Another operator may use the same operation id. The digest identifies exactly this intent.
    detail: { ...detail, intent: createHash('sha256').update(signed.statement).digest('hex') },
    at: rfc3339(deps.clock.now()),
  })
}

const expiryOf = (intent: Intent): number => parseRfc3339(intent.expiresAt)
