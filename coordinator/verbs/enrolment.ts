/**
 * Handles the verbs on hosts: tokens, approval, labels, revocation. They change only the database.
 */
import type { Verb } from '../../protocols/control/verbs.ts'
import { agentId, type AgentId } from '../../shared/ids.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { fromText } from '../../shared/trust/transport.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Runs } from '../dispatch/runs.ts'
import type { Access } from '../registry/access.ts'
import type { Agents } from '../registry/agents.ts'
import { tokens } from '../registry/tokens.ts'
import { operationError } from '../operations/errors.ts'
import { type Operation, type RecordHandler, targetOf, type Tx } from '../operations/operation.ts'
import { done, type TargetResult } from '../outcomes/result.ts'

/** The number of runs that an outcome names. The other runs are only counted. */
const MAX_NAMED = 100

export interface EnrolmentVerbsDeps {
  readonly agents: Agents
  readonly access: Access
  readonly runs: Pick<Runs, 'lose'>
  /**
   * Called after the status or the labels of hosts changed. Their connections must be renewed or
   * closed.
   */
  readonly changed: (agents: readonly AgentId[]) => void
}

export function enrolmentVerbs(deps: EnrolmentVerbsDeps) {
  return {
    'enroll.token': TOKEN_VERB,
    'enroll.approve': approveVerb(deps),
    'enroll.reject': eachHost<'enroll.reject'>(deps, (tx, id) => deps.agents.reject(tx, id)),
    'agent.label': labelVerb(deps),
    'agent.revoke': revokeVerb(deps),
  }
}

const TOKEN_VERB: RecordHandler<'enroll.token'> = {
  kind: 'record',
  async record(tx, operation, at) {
    const { hash, labels, ttlMs, approve } = operation.arguments
    const expiresAt = at + ttlMs
    const createdBy = operation.actor
    await tokens.create(tx, { hash, labels, approve, createdBy, createdAt: at, expiresAt })
    return [done('', { expiresAt: rfc3339(expiresAt) })]
  },
}

/** Makes the handler of a verb that makes the same change to each host. */
function eachHost<V extends Verb>(
  deps: EnrolmentVerbsDeps,
  apply: (tx: Tx, id: AgentId, operation: Operation<V>, at: number) => Promise<void>,
): RecordHandler<V> {
  return {
    kind: 'record',
    async record(tx, operation, at) {
      const results: TargetResult[] = []
      for (const target of operation.targets) {
        await apply(tx, agentId.parse(target), operation, at)
        results.push(done(target))
      }
      return results
    },
    announce: (operation) => deps.changed(hostsOf(operation)),
  }
}

const hostsOf = ({ targets }: Operation): AgentId[] => targets.map((id) => agentId.parse(id))

function approveVerb(deps: EnrolmentVerbsDeps): RecordHandler<'enroll.approve'> {
  return eachHost(deps, async (tx, id, operation, at) => {
    const pending = await deps.agents.byId(id, tx)
    await deps.agents.approve(tx, id, { ...pending?.labels, ...operation.arguments.labels }, at)
  })
}

function labelVerb(deps: EnrolmentVerbsDeps): RecordHandler<'agent.label'> {
  return eachHost(deps, async (tx, id, operation) => {
    const agent = await deps.agents.byId(id, tx)
    // An empty value removes the label, like `kubectl label key-`.
    const merged = Object.entries({ ...agent?.labels, ...operation.arguments.labels }).filter(
      ([, value]) => value !== '',
    )
    await deps.agents.relabel(tx, id, Object.fromEntries(merged))
  })
}

function revokeVerb(deps: EnrolmentVerbsDeps): RecordHandler<'agent.revoke'> {
  return {
    kind: 'record',
    async record(tx, operation, at) {
      await deps.access.insertRevocation(tx, revocationOf(operation), at)
      const target = targetOf(operation)
      const id = agentId.parse(target)
      await deps.agents.revoke(tx, id, at)
      const name = (await deps.agents.byId(id, tx))?.name ?? target
      const lost = await deps.runs.lose(tx, id, `${name} was revoked while it ran`)
      if (lost.length === 0) return [done(target)]
      return [done(target, { lost: lost.length, runs: lost.slice(0, MAX_NAMED) })]
    },
    announce: (operation) => deps.changed(hostsOf(operation)),
  }
}

/** Returns the signed revocation of the operation's only target. @throws operation.malformed */
function revocationOf({ verb, targets, arguments: given }: Operation<'agent.revoke'>): Signed {
  const signed = fromText(given.revocation)
  const { kind, target } = readSigned(signed, 'revocation')
  if (kind === 'agent' && target === targets[0] && targets.length === 1) return signed
  const reason = 'the signed revocation is about another host'
  throw operationError('operation.malformed', { verb, reason })
}
