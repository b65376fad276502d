/**
 * No proof, no run: everything that must hold before this host acts on an order, in one place and
 * in this order. The coordinator that brings the order is not believed; what it brings is checked
 * against the root that the host pinned when it joined.
 *
 * 1. the intent is signed by its actor, of this fleet, fresh; 2. roots and revocations extend what
 *    the host knows; 3. a chain of grants leads from the root to the actor and covers this host; 4.
 *    the values beside the intent are those that it commits to, no more and no fewer; 5. the
 *    checkpoint is signed by an issuer of the root and extends the last one seen; 6. the log entry
 *    is included in it, holds this very intent, and files it as what it is. Whether the operation
 *    was seen before is the journal's question, which comes next.
 */
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
import type { AgentId, FleetId } from '../../shared/ids.ts'
import { authorize } from '../../shared/trust/authorize.ts'
import { openCommitments } from '../../shared/trust/commitment.ts'
import { checkIntent } from '../../shared/trust/credentials.ts'
import type { Intent } from '../../shared/trust/intent.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { commandError } from './errors.ts'

interface Order<V extends 'run.start' | 'run.stop'> {
  readonly intent: Intent
  readonly verb: V
  readonly arguments: ArgumentsOf<V>
}
/** What an intent orders of this host. */
export type ReadOrder = Order<'run.start'> | Order<'run.stop'>
/** With what it only commits to: the environment of a run by name, which is nobody's to keep. */
export type VerifiedOrder = ReadOrder & { readonly environment: Readonly<Record<string, string>> }

export interface VerifyDeps {
  readonly trust: TrustState
  readonly clock: Clock
  readonly fleet: FleetId
  readonly agent: AgentId
  /** The labels in this host's certificate: the coordinator's log put them there. */
  readonly labels: () => Readonly<Record<string, string>>
}

/** @throws trust.*, audit.*, command.*: the reason goes into the signed refusal */
export async function verifyOrder(
  deps: VerifyDeps,
  request: PerformRequest,
): Promise<VerifiedOrder> {
  const at = deps.clock.now()
  const intent = checkIntent(request.intent, { fleet: deps.fleet, at })
  const order = readOrder(deps, intent)
  await deps.trust.learn({ roots: request.roots, revocations: request.revocations })
  requireGrant(deps, intent, request, at)
  const environment = openCommitments(
    order.verb === 'run.start' ? order.arguments.env : {},
    request.values ?? [],
  )
  await requireProof(deps, intent, request)
  return { ...order, environment }
}

/**
 * What the intent orders of this host; nothing of who may. @throws command.not-for-us,
 * command.unknown-verb, command.malformed
 */
export function readOrder(deps: Pick<VerifyDeps, 'agent'>, intent: Intent): ReadOrder {
  if (!intent.targets.includes(deps.agent))
    throw commandError('command.not-for-us', { agent: deps.agent })
  const { verb } = intent
  if (verb !== 'run.start' && verb !== 'run.stop')
    throw commandError('command.unknown-verb', { verb })
  if (intent.namespace !== VERBS[verb].namespace)
    throw commandError('command.malformed', { reason: `its namespace is ${intent.namespace}` })
  const parsed = VERBS[verb].arguments.safeParse(intent.arguments)
  if (!parsed.success)
    throw commandError(
      'command.malformed',
      { reason: 'its arguments are not those of the verb' },
      { cause: parsed.error },
    )
  const order = { intent, verb, arguments: parsed.data } as ReadOrder
  if (order.verb === 'run.start' && order.arguments.runs[deps.agent] === undefined)
    throw commandError('command.malformed', { reason: 'it has no run id for this host' })
  return order
}

function requireGrant(deps: VerifyDeps, intent: Intent, request: PerformRequest, at: number): void {
  const grants = request.grants.flatMap((signed) => {
    try {
      return [{ grant: readSigned(signed, 'grant', { fleet: deps.fleet }) }]
    } catch (error) {
      // One that does not verify counts for nothing; it does not take the others with it.
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
    throw commandError('command.no-proof', { reason: 'the log entry holds another order' })
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
  // Readers of the log find an intent by these two. An intent that is filed elsewhere would be
  // logged, but hidden from a search for runs.
  if (entry.type !== 'intent' || entry.operation !== intent.operation) {
    const elsewhere = entry.operation === intent.operation ? '' : ' under another operation'
    const reason = `the log entry files it as ${entry.type}${elsewhere}`
    throw commandError('command.no-proof', { reason })
  }
  // Last, because it is remembered, whatever becomes of the order that came with it.
  const offered = await deps.trust.log.offer(checkpoint, {
    from: request.consistentFrom,
    to: checkpoint.size,
    hashes: request.consistency,
  })
  // Gossip or another order moved this host's position meanwhile: the coordinator proves again.
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
