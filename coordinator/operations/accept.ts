/**
 * Whether an intent may become an operation: signature, fleet, time, verb, arguments, rights and
 * the values beside it, in this order. Nothing is written and nothing is revealed about targets
 * that the actor may not touch.
 */
import { isVerb, VERBS, type Verb } from '../../protocols/control/verbs.ts'
import type { Clock } from '../../shared/clock.ts'
import { agentId, type Fingerprint, type FleetId } from '../../shared/ids.ts'
import { openCommitments, type Opening } from '../../shared/trust/commitment.ts'
import { checkIntent } from '../../shared/trust/credentials.ts'
import { describeIssue } from '../../shared/schema-issue.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Access } from '../registry/access.ts'
import { registryError } from '../registry/errors.ts'
import type { Agents } from '../registry/agents.ts'
import { operationError } from './errors.ts'
import type { Operation, Tx } from './operation.ts'

/** A reason holds what a person typed, such as a label name. */
const MAX_REASON = 300

export interface AcceptDeps {
  readonly fleet: FleetId
  readonly access: Access
  readonly agents: Agents
  readonly clock: Clock
}

/**
 * @param handed.values checked here and not kept: an operation is what may be written down
 * @throws trust.*, operation.not-yours, operation.unknown-verb, operation.malformed,
 * registry.unknown-host
 */
export async function acceptIntent(
  deps: AcceptDeps,
  signed: Signed,
  handed: { readonly caller: Fingerprint; readonly values: readonly Opening[] },
): Promise<Operation> {
  const { caller, values } = handed
  const now = deps.clock.now()
  const intent = checkIntent(signed, { fleet: deps.fleet, at: now })
  // Whoever got hold of a copy has no use of it.
  if (intent.actor !== caller)
    throw operationError('operation.not-yours', { actor: intent.actor, caller })
  if (!isVerb(intent.verb)) throw operationError('operation.unknown-verb', { verb: intent.verb })
  const verb: Verb = intent.verb
  const spec = VERBS[verb]
  if (intent.namespace !== spec.namespace)
    throw operationError('operation.malformed', {
      verb,
      reason: `its namespace is ${intent.namespace}, expected ${spec.namespace}`,
    })
  const parsed = spec.arguments.safeParse(intent.arguments)
  if (!parsed.success) {
    const reason = describeIssue(parsed.error.issues[0]).slice(0, MAX_REASON)
    throw operationError('operation.malformed', { verb, reason }, { cause: parsed.error })
  }
  await authorizeTargets(deps, { verb, actor: intent.actor, targets: intent.targets }, now)
  // The hosts check the same. Here it keeps an order out of the log that none of them could carry
  // out.
  openCommitments('env' in parsed.data ? parsed.data.env : {}, values)
  return {
    id: intent.operation,
    verb,
    actor: intent.actor,
    targets: intent.targets,
    arguments: parsed.data,
    signed,
  }
}

/**
 * Whether the actor may do this to each target, now. In the transaction that logs the intent it is
 * asked again: a right that was revoked in between stands before the intent in the log.
 * @throws trust.denied, registry.unknown-host
 */
export async function authorizeTargets(
  deps: Pick<AcceptDeps, 'access' | 'agents'>,
  intent: Pick<Operation, 'verb' | 'actor' | 'targets'>,
  at: number,
  tx?: Tx,
): Promise<void> {
  const { verb } = intent
  const { target, namespace } = VERBS[verb]
  const ask = { actor: intent.actor, level: 'control' as const, at }
  switch (target) {
    case 'fleet':
      return deps.access.require({ ...ask, namespace }, 'fleet', tx)
    case 'repository':
      if (intent.targets.length !== 1)
        throw operationError('operation.too-many-targets', { verb, targets: intent.targets.length })
      return deps.access.require(
        { ...ask, namespace: `${namespace}/${intent.targets[0]}` },
        'fleet',
        tx,
      )
    case 'agents': {
      if (intent.targets.length === 0)
        throw operationError('operation.malformed', { verb, reason: 'it names no host' })
      for (const id of intent.targets) {
        const agent = agentId.is(id) ? await deps.agents.byId(id, tx) : undefined
        // Only who may act on every host learns which hosts do not exist.
        if (agent === undefined) await deps.access.require({ ...ask, namespace }, 'host', tx)
        if (agent === undefined) throw registryError('registry.unknown-host', { host: id })
        await deps.access.require(
          { ...ask, namespace, target: { agent: agent.id, labels: agent.labels } },
          'host',
          tx,
        )
      }
      return
    }
    default:
      throw new Error(`unknown target kind ${target satisfies never}`)
  }
}
