/**
 * Decides whether an intent becomes an operation. It checks signature, fleet, time, verb,
 * arguments, rights, and the values that were sent with the intent, in this order. A rejected
 * intent writes nothing. Its error reveals nothing about targets on which the actor has no right.
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

/**
 * The maximum length of a reason. A reason can contain the operator's text, such as a label name.
 */
const MAX_REASON = 300

export interface AcceptDeps {
  readonly fleet: FleetId
  readonly access: Access
  readonly agents: Agents
  readonly clock: Clock
}

/**
 * @param handed.values checked here. The result doesn't contain them, because an operation may be
 * written to a log
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
  // A stolen intent is useless without a session of its actor.
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
  // Each host checks the same. This check rejects the intent before it is logged, because every
  // host would refuse it.
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
 * Requires that the actor has the right on each target. The transaction that logs the intent checks
 * this again, because a right may have been revoked in between.
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
        throw operationError('operation.malformed', { verb, reason: 'it has no target' })
      for (const id of intent.targets) {
        const agent = agentId.is(id) ? await deps.agents.byId(id, tx) : undefined
        // Only an actor with a right on every host may learn which hosts don't exist.
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
