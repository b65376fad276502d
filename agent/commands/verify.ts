/**
 * Makes every check that must pass before this host acts on an intent, in this order. The
 * coordinator is not trusted. Everything that it sends is checked against the root that the host
 * pinned when it joined. `protocols/command/README.md` lists the checks.
 *
 * The caller then checks in the journal whether this host already has the operation.
 */
import type { z } from 'zod'
import { commandRefusal } from '../../protocols/command/errors.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { type ArgumentsOf, VERBS } from '../../protocols/control/verbs.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import { decodeEntry, statementOf } from '../../shared/audit/entry.ts'
import { auditError } from '../../shared/audit/errors.ts'
import { requireAccepted } from '../../shared/audit/follower.ts'
import { verifyInclusion } from '../../shared/audit/proof.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type AgentId, type FleetId, type RunId, runId } from '../../shared/ids.ts'
import { authorize } from '../../shared/trust/authorize.ts'
import { openCommitments } from '../../shared/trust/commitment.ts'
import { checkIntent } from '../../shared/trust/credentials.ts'
import type { Intent } from '../../shared/trust/intent.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { commandError } from './errors.ts'

/** The operation that an intent requests on this host. */
export type RunIntent = StartIntent | StopIntent

interface StartIntent {
  readonly verb: 'run.start'
  readonly intent: Intent
  readonly arguments: ArgumentsOf<'run.start'>
  readonly run: RunId
}

interface StopIntent {
  readonly verb: 'run.stop'
  readonly intent: Intent
  readonly arguments: ArgumentsOf<'run.stop'>
  readonly run: RunId
}

/** Includes the environment, which must not be stored. The intent has only commitments to it. */
export type VerifiedIntent = RunIntent & { readonly environment: Readonly<Record<string, string>> }

export interface VerifyDeps {
  readonly trust: TrustState
  readonly clock: Clock
  readonly fleet: FleetId
  readonly agent: AgentId
  /** Returns the labels in this host's certificate. */
  readonly labels: () => Readonly<Record<string, string>>
}

/**
 * Verifies the intent of a request. The signed refusal contains the reason of an error.
 * @throws trust.*, audit.*, command.*
 */
export async function verifyIntent(
  deps: VerifyDeps,
  request: PerformRequest,
): Promise<VerifiedIntent> {
  const at = deps.clock.now()
  const intent = checkIntent(request.intent, { fleet: deps.fleet, at })
  const asked = parseRunIntent(deps, intent)
  await deps.trust.learn({ roots: request.roots, revocations: request.revocations })
  requireGrant(deps, intent, request, at)
  const environment = openCommitments(
    asked.verb === 'run.start' ? asked.arguments.env : {},
    request.values ?? [],
  )
  await requireProof(deps, intent, request)
  return { ...asked, environment }
}

/**
 * Returns what the intent requests of this host. Does not check rights.
 * @throws command.not-for-us, command.unknown-verb, command.malformed
 */
export function parseRunIntent(deps: Pick<VerifyDeps, 'agent'>, intent: Intent): RunIntent {
  const { agent } = deps
  const { verb } = intent
  if (!intent.targets.includes(agent)) throw commandError('command.not-for-us', { agent })
  if (verb === 'run.stop') {
    const stop = parseArguments(VERBS[verb], intent)
    return { verb, intent, arguments: stop, run: runId.parse(stop.run) }
  }
  if (verb !== 'run.start') throw commandError('command.unknown-verb', { verb })
  const start = parseArguments(VERBS[verb], intent)
  const run = start.runs[agent]
  if (run === undefined)
    throw commandError('command.malformed', { reason: 'it has no run id for this host' })
  return { verb, intent, arguments: start, run: runId.parse(run) }
}

function parseArguments<T>(
  spec: { readonly namespace: string; readonly arguments: z.ZodType<T> },
  intent: Intent,
): T {
  if (intent.namespace !== spec.namespace)
    throw commandError('command.malformed', { reason: `its namespace is ${intent.namespace}` })
  const parsed = spec.arguments.safeParse(intent.arguments)
  if (parsed.success) return parsed.data
  throw commandError(
    'command.malformed',
    { reason: 'its arguments are not those of the verb' },
    { cause: parsed.error },
  )
}

function requireGrant(deps: VerifyDeps, intent: Intent, request: PerformRequest, at: number): void {
  const grants = request.grants.flatMap((signed) => {
    try {
      return [{ grant: readSigned(signed, 'grant', { fleet: deps.fleet }) }]
    } catch (error) {
      // A grant that does not verify is ignored. The other grants still count.
      if (error instanceof MusterError) return []
      throw error
    }
  })
  const state = {
    root: deps.trust.root().root,
    grants,
    revocations: deps.trust.revocations().accepted,
  }
  const target = { agent: deps.agent, labels: deps.labels() }
  const decision = authorize(state, {
    actor: intent.actor,
    namespace: intent.namespace,
    level: 'control',
    target,
    at,
  })
  if (!decision.allowed)
    throw commandError('command.not-covered', { actor: intent.actor, reason: decision.reason })
}

async function requireProof(
  deps: VerifyDeps,
  intent: Intent,
  request: PerformRequest,
): Promise<void> {
  const checkpoint = deps.trust.openCheckpoint(request.checkpoint)
  const entry = decodeEntry(request.entry, request.index)
  const { signed } = statementOf(entry, request.index)
  if (!isSame(signed, request.intent))
    throw commandError('command.no-proof', { reason: 'the log entry contains another intent' })
  if (request.index >= checkpoint.size)
    throw auditError('audit.proof', {
      what: 'inclusion',
      reason: 'the entry is beyond the checkpoint',
    })
  verifyInclusion(
    { index: request.index, size: checkpoint.size, hashes: request.inclusion },
    leafHash(request.entry),
    checkpoint.root,
  )
  // Readers of the log find an intent by its type and operation. A search for runs would not find
  // an entry with a wrong type or operation.
  if (entry.type !== 'intent' || entry.operation !== intent.operation) {
    const elsewhere = entry.operation === intent.operation ? '' : ' under another operation'
    const reason = `the log entry files it as ${entry.type}${elsewhere}`
    throw commandError('command.no-proof', { reason })
  }
  // This step is last, because the host keeps the checkpoint even if a later check fails.
  const offered = await deps.trust.log.offer(checkpoint, {
    from: request.consistentFrom,
    to: checkpoint.size,
    hashes: request.consistency,
  })
  // Gossip or another intent moved this host's position meanwhile. The coordinator must prove
  // again.
  if (offered.result !== 'accepted' && offered.known.size !== request.consistentFrom)
    throw commandRefusal('command.position-moved', { size: offered.known.size })
  requireAccepted(checkpoint, offered)
}

function isSame(a: Signed, b: Signed): boolean {
  return (
    a.scheme === b.scheme &&
    (['statement', 'key', 'signature'] as const).every((part) =>
      Buffer.from(a[part]).equals(b[part]),
    )
  )
}
